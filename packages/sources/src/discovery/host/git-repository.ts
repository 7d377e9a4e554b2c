/**
 * What a git repository has that no other place has, as its own files say. git itself is not run: the configuration of somebody
 * else's repository may name programs.
 */
import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { textOf } from "./read-start.ts";

export interface GitRepository {
  /** The folder of the working tree, or the repository itself when it is bare. */
  readonly path: string;
  readonly isBare: boolean;
  /** Names of remotes. */
  readonly remotes: readonly string[];
  readonly branches: readonly string[];
  /** Branches whose newest commit no remote is known to have. */
  readonly unpushed: readonly string[];
  readonly hasStash: boolean;
}

const MOST_REFS = 20_000;
const MOST_BYTES = 8 * 1024 * 1024;
const HASH = /\b[0-9a-f]{40}(?:[0-9a-f]{24})?\b/g;

/** `undefined` when it is no repository, or cannot be read. @param root stands before each path when it is read */
export function readGitRepository(
  path: string,
  { root, isBare }: { root: string; isBare: boolean },
): GitRepository | undefined {
  const folder = `${root}${path}${isBare ? "" : "/.git"}`;
  const configuration = textOf(`${folder}/config`);
  if (configuration === undefined) return undefined;
  const refs = new Map<string, string>([...packedRefs(folder), ...looseRefs(folder, "refs")]);
  const heads = [...refs].filter(([name]) => name.startsWith("refs/heads/"));
  // What a remote was ever seen to have: a branch that is only behind its remote is not lost.
  const known = new Set([...refs].filter(([name]) => name.startsWith("refs/remotes/")).map(([, hash]) => hash));
  for (const hash of remoteHistory(folder)) known.add(hash);
  return {
    path,
    isBare,
    remotes: [...configuration.matchAll(/^\s*\[remote "(.+)"\]/gm)].map(([, name]) => name as string),
    branches: heads.map(([name]) => name.slice("refs/heads/".length)),
    unpushed: heads.filter(([, hash]) => !known.has(hash)).map(([name]) => name.slice("refs/heads/".length)),
    hasStash: refs.has("refs/stash"),
  };
}

function packedRefs(folder: string): [string, string][] {
  const text = textOf(`${folder}/packed-refs`, MOST_BYTES) ?? "";
  return [...text.matchAll(/^([0-9a-f]{40,64}) (refs\/\S+)$/gm)].map(([, hash, name]) => [
    name as string,
    hash as string,
  ]);
}

function looseRefs(folder: string, below: string): [string, string][] {
  return files(folder, below).flatMap((name): [string, string][] => {
    const hash = textOf(`${folder}/${name}`, 256)?.trim() ?? "";
    return /^[0-9a-f]{40,64}$/.test(hash) ? [[name, hash]] : [];
  });
}

/** Every commit that a branch of a remote has been at, as the log of references has it. */
function remoteHistory(folder: string): string[] {
  return files(folder, "logs/refs/remotes").flatMap(
    (name) => (textOf(`${folder}/${name}`, MOST_BYTES) ?? "").match(HASH) ?? [],
  );
}

function files(folder: string, below: string): string[] {
  const found: string[] = [];
  // A link in the place of one of these folders may lead anywhere.
  const parts = below.split("/");
  const isOwn = parts.every((_, at) => isFolder(`${folder}/${parts.slice(0, at + 1).join("/")}`));
  const waiting = isOwn ? [below] : [];
  for (let next = waiting.pop(); next !== undefined && found.length < MOST_REFS; next = waiting.pop()) {
    let entries: Dirent[] = [];
    try {
      entries = readdirSync(`${folder}/${next}`, { withFileTypes: true });
    } catch {
      // A repository without such references has no such folder.
    }
    for (const entry of entries) {
      if (entry.isDirectory()) waiting.push(`${next}/${entry.name}`);
      else if (entry.isFile()) found.push(`${next}/${entry.name}`);
    }
  }
  return found;
}

function isFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    return false;
  }
}
