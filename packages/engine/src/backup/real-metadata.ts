/** The metadata of a real file, for an entry whose content comes from elsewhere. */
import { lstatNs, readNode } from "../filesystem/read-metadata.ts";
import type { GivenMetadata } from "./given-entries.ts";

/** Throws what `node:fs` throws; an attribute that cannot be read is left out. @param path surrogate-escaped, absolute */
export function realMetadata(path: string): GivenMetadata {
  const { node } = readNode(path, "file", lstatNs(path), { withAtime: false });
  const { mode, uid, gid, user, group, mtimeNs, extendedAttributes } = node;
  return { mode, uid, gid, user, group, mtimeNs, extendedAttributes };
}
