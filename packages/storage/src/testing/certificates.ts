/** Certificates for tests, made by openssl: an authority, and what it signed. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate with its key, as PEM, and the file that has both. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
  readonly file: string;
}

/** Signs certificates. `folder` has all files of it, and is for the caller to remove. */
export class TestAuthority {
  readonly folder: string = mkdtempSync(join(tmpdir(), "holdfast-certificates-"));
  /** PEM of the authority itself, in a file. */
  readonly file: string = join(this.folder, "authority.pem");
  readonly #key = join(this.folder, "authority.key");

  constructor() {
    const subject = ["-subj", "/CN=test authority", "-addext", "basicConstraints=critical,CA:TRUE"];
    this.#openssl("req", "-x509", ...this.#newKey(this.#key), "-out", this.file, "-days", "2", ...subject);
  }

  /** A certificate for the names, such as `DNS:localhost,IP:127.0.0.1`. With less than 0 days it has expired. */
  sign(name: string, names: string, days = 1): TestCertificate {
    const path = (ending: string): string => join(this.folder, `${name}.${ending}`);
    writeFileSync(path("ext"), `subjectAltName=${names}\n`);
    this.#openssl("req", "-new", ...this.#newKey(path("key")), "-out", path("csr"), "-subj", `/CN=${name}`);
    const signed = ["-CA", this.file, "-CAkey", this.#key, "-CAcreateserial", "-extfile", path("ext")];
    this.#openssl("x509", "-req", "-in", path("csr"), ...signed, "-days", String(days), "-out", path("crt"));
    const cert = readFileSync(path("crt"), "utf8");
    const key = readFileSync(path("key"), "utf8");
    writeFileSync(path("pem"), cert + key);
    return { cert, key, file: path("pem") };
  }

  #newKey(path: string): string[] {
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path];
  }

  #openssl(...args: string[]): void {
    execFileSync("openssl", args, { stdio: "ignore" });
  }
}
