/** What programs can make again, and what would only fill a repository: caches, and what package managers fetch. */

/** Patterns, below a home folder. */
export const REPRODUCIBLE_IN_HOMES: readonly string[] = [
  ".cache",
  ".local/share/Trash",
  ".npm/_cacache",
  ".npm/_npx",
  ".cargo/registry",
  ".cargo/git",
  ".rustup/toolchains",
  ".m2/repository",
  ".gradle/caches",
  ".nuget/packages",
  "go/pkg/mod",
  ".pyenv/versions",
  ".nvm/versions",
  ".mozilla/firefox/*/cache2",
  ".config/*/Cache",
  ".config/*/Code Cache",
  ".config/*/GPUCache",
  ".var/app/*/cache",
  "snap/*/*/.cache",
];

/** Names of folders, anywhere. */
export const REPRODUCIBLE_NAMES: readonly string[] = ["node_modules", "__pycache__", ".venv"];

/** A path as a pattern that matches only itself, and what is below it. */
export function escapePattern(path: string): string {
  return path.replaceAll(/[\\*?[\]]/g, (character) => `\\${character}`);
}
