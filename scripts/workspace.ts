// What the scripts know of the repository: its folder and its packages, in the order of the import direction.
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The part of a package.json that the scripts read. */
export interface Manifest {
  readonly name: string;
  readonly workspaces?: readonly string[];
  readonly exports?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** One package of the workspace. `folder` is absolute. */
export interface Package {
  readonly name: string;
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The repository's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The packages of a repository at `folder`, in the order in which its package.json lists them: a package may import the earlier ones. */
export function packagesOf(folder: string): Package[] {
  return (readManifest(folder).workspaces ?? []).map((path) => {
    const manifest = readManifest(join(folder, path));
    return { name: manifest.name, folder: join(folder, path), manifest };
  });
}

/** Reads the package.json of a folder. */
export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** Paths, relative to `folder`, of all our files that match; nothing that is installed or built. Sorted. */
export function ownFiles(folder: string, pattern: string): string[] {
  return globSync(pattern, { cwd: folder, exclude: ["**/node_modules/**", "**/dist/**", "**/testdata/**"] })
    .map((path) => relative(folder, join(folder, path)))
    .toSorted();
}
