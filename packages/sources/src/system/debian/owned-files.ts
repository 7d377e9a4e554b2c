/** Which files packages brought, and with which content, from dpkg's lists. */
import type { SystemFiles } from "../host/system-files.ts";

const INFO = "/var/lib/dpkg/info";
/** Folders that are links to those in /usr since Debian merged them. */
const MERGED = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] as const;

/** A regular file of a package. */
export interface PackageFile {
  /** Where it is: diversions are followed. */
  readonly path: string;
  readonly md5: string;
  /** When the package was unpacked, and when its list was put there: nanoseconds since 1970. */
  readonly unpackedNs: bigint;
  readonly listedNs: bigint;
}

export class OwnedFiles {
  readonly #files: SystemFiles;
  readonly #merged: ReadonlySet<string>;
  readonly #diversions: ReadonlyMap<string, Diversion>;
  readonly #paths = new Set<string>();

  private constructor(files: SystemFiles, merged: ReadonlySet<string>, diversions: ReadonlyMap<string, Diversion>) {
    this.#files = files;
    this.#merged = merged;
    this.#diversions = diversions;
  }

  /** Reads every list. @throws what `node:fs` throws */
  static async read(files: SystemFiles): Promise<OwnedFiles> {
    const merged = new Set<string>();
    for (const name of MERGED) {
      const target = await files.link(`/${name}`);
      if (target === `usr/${name}` || target === `/usr/${name}`) merged.add(name);
    }
    const diversions = new Map((await readDiversions(files)).map((each) => [each.path, each]));
    const owned = new OwnedFiles(files, merged, diversions);
    for (const list of await owned.#named(".list")) {
      const text = (await files.text(`${INFO}/${list}.list`)) ?? "";
      for (const line of text.split("\n")) if (line !== "" && line !== "/.") owned.#paths.add(owned.real(line));
    }
    for (const { path, to, by } of diversions.values()) {
      if (!owned.#paths.has(owned.real(path))) continue;
      owned.#paths.add(owned.real(to));
      // What a person has put in the place of a diverted file is no package's.
      if (by === ":") owned.#paths.delete(owned.real(path));
    }
    return owned;
  }

  /** Folders in which everything is some package's, on a system that was not changed. */
  get folders(): string[] {
    return ["/usr", ...MERGED.filter((name) => !this.#merged.has(name)).map((name) => `/${name}`)];
  }

  /** Whether a package has this file or folder. @param path as `real` gives it */
  has(path: string): boolean {
    return this.#paths.has(path);
  }

  /** The path in /usr, where /bin and the like are links to it. */
  real(path: string): string {
    const slash = path.indexOf("/", 1);
    const first = slash < 0 ? path.slice(1) : path.slice(1, slash);
    return this.#merged.has(first) ? `/usr${path}` : path;
  }

  /** What packages say of the content of their files; those in /etc are not among them. */
  async *contents(): AsyncGenerator<PackageFile> {
    for (const name of await this.#named(".md5sums")) {
      const listed = await this.#files.stat(`${INFO}/${name}.list`);
      if (listed === undefined) continue;
      const text = (await this.#files.text(`${INFO}/${name}.md5sums`)) ?? "";
      for (const line of text.split("\n")) {
        const found = /^([0-9a-f]{32}) [ *](.+)$/.exec(line);
        if (found === null) continue;
        const path = `/${found[2]}`;
        yield {
          path: this.real(this.#divertedFor(path, name)),
          md5: found[1] as string,
          unpackedNs: listed.mtimeNs,
          listedNs: listed.ctimeNs,
        };
      }
    }
  }

  async #named(ending: string): Promise<string[]> {
    const names = await this.#files.names(INFO);
    return names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
  }

  #divertedFor(path: string, name: string): string {
    const diversion = this.#diversions.get(path);
    return diversion === undefined || diversion.by === name.split(":")[0] ? path : diversion.to;
  }
}

/** A file of a package that lies at another place, as somebody else has the first one. */
export interface Diversion {
  readonly path: string;
  readonly to: string;
  /** The package that has the path instead; `:` when it was a person. */
  readonly by: string;
}

export async function readDiversions(files: SystemFiles): Promise<Diversion[]> {
  const lines = ((await files.text("/var/lib/dpkg/diversions")) ?? "").split("\n");
  const found: Diversion[] = [];
  for (let n = 0; n + 2 < lines.length; n += 3) {
    found.push({ path: lines[n] as string, to: lines[n + 1] as string, by: lines[n + 2] as string });
  }
  return found;
}
