// The rules of `check-imports.ts` that are a matter of choice. The direction between packages is not here: it is the order of
// the workspaces in the root's package.json.

/**
 * Folders and files of a package's `src` from the bottom up: each may import its own row and the rows above it in this table.
 * A folder that has no row is an error, so that a new one gets its place when it is made.
 */
export const layers: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "@holdfast/engine": [
    ["errors.ts"],
    ["format", "crypto", "platform", "filesystem", "chunker", "index", "patterns", "workers"],
    ["packs", "repository"],
    ["transfer", "forget"],
    ["evidence"],
    ["backup", "restore", "check", "repair", "browse", "prune", "copy", "rewrite", "migrate", "diff", "find"],
    ["object-lock", "spot-check"],
  ],
};

/** Modules of the platform that only one folder may touch, so that each can be replaced. */
export const confined: Readonly<Record<string, string>> = {
  "node:ffi": "packages/engine/src/platform/",
};
