/** Runs other programs beside the server in this process. */
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function isInstalled(program: string): boolean {
  return spawnSync("sh", ["-c", 'command -v "$1"', "sh", program]).status === 0;
}

/** Runs a program to its end. */
export function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((resolve, reject) => {
    const said = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...said }));
  });
}

/** Debian's restic on a repository of a server, which it may use over `rest:`. */
export function restic(
  url: string,
  args: readonly string[],
  { cacheFolder, cacert }: { cacheFolder?: string; cacert?: string } = {},
): Promise<Outcome> {
  const cache = cacheFolder === undefined ? ["--no-cache"] : ["--cache-dir", cacheFolder];
  const trust = cacert === undefined ? [] : ["--cacert", cacert];
  return run("restic", ["-r", `rest:${url}`, ...cache, ...trust, ...args], { RESTIC_PASSWORD: "correct horse" });
}

/** The output of a run; throws with all that it said when it failed. */
export function succeed({ code, stdout, stderr }: Outcome): string {
  if (code !== 0) throw new Error(`exit code ${code}\n${stdout}\n${stderr}`);
  return stdout;
}

/** A self-signed certificate for 127.0.0.1 and localhost. */
export async function makeCertificate(folder: string, name = "server"): Promise<{ certificate: string; key: string }> {
  const files = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}-key.pem`) };
  const names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
  const subject = ["-subj", `/CN=${name}`, "-addext", names, "-days", "2"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  succeed(await run("openssl", ["req", "-x509", ...key, ...subject, "-keyout", files.key, "-out", files.certificate]));
  return files;
}
