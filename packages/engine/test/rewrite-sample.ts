/** A snapshot whose trees are the same bytes on every machine, so that their ids can be written down: times have a zone of their own. */
import type { Id } from "../src/format/id.ts";
import { encodeNode, type TreeNode } from "../src/format/node.ts";
import { TreeEncoder } from "../src/format/tree.ts";
import { BlobIndex } from "../src/index/blob-index.ts";
import { BlobWriter } from "../src/repair/blob-writer.ts";
import type { Repository } from "../src/repository/repository.ts";
import { saveSnapshot } from "../src/repository/snapshots.ts";
import { node, signal } from "./made-repository.ts";

const TIME = "2023-11-14T22:13:20.123456789+05:45";
const TIMES = `"mtime":"${TIME}","atime":"${TIME}","ctime":"${TIME}"`;

/** Names the content that is to be taken out, so that a test can look for it. */
export const SECRET = "the customer's address";

interface Folder {
  readonly [name: string]: Folder | string | Partial<TreeNode>;
}

const CACHE: Folder = { "x.tmp": "x", "y.dat": "y" };

/** The same folder `cache` stands at two places, names are of every kind, and folders are empty in different ways. */
const CONTENT: Folder = {
  home: {
    ann: {
      cache: CACHE,
      empty: {},
      link: { type: "symlink", linkTarget: "notes.txt" },
      "notes.txt": "notes",
      "secret.key": SECRET,
    },
    bob: { cache: CACHE, "secret.key": `${SECRET} again`, "Secret.KEY": "upper" },
  },
  srv: {
    "<&>": "html",
    "caf\u00e9 \ud83d\ude00": "wide",
    logs: { "a.log": "a", "b.LOG": "b" },
    "not-utf8-\udcff": "bytes",
    zero: "",
    "zz-attributes": { extendedAttributes: [{ name: "user.x", value: Buffer.from([0, 255]) }], inode: 2n ** 60n + 1n },
  },
};

export interface Sample {
  readonly snapshot: Id;
  readonly tree: Id;
}

/** Stores the sample; `edit` may change the JSON of each entry. */
export async function storeSample(
  repository: Repository,
  {
    edit = (text: string) => text,
    time = "2026-01-01T00:00:00Z",
  }: { edit?: (json: string) => string; time?: string } = {},
): Promise<Sample> {
  const writer = new BlobWriter(repository, BlobIndex.create(), { signal });
  const storeFolder = async (folder: Folder): Promise<Id> => {
    const encoder = new TreeEncoder();
    for (const name of Object.keys(folder).sort())
      encoder.append(edit(await entry(name, folder[name] as Folder[string])));
    return writer.put("tree", encoder.finish());
  };
  const entry = async (name: string, value: Folder[string]): Promise<string> => {
    const at = node(name);
    if (typeof value === "string") {
      const content = value === "" ? [] : [await writer.put("data", Buffer.from(value))];
      return json({ ...at, content, size: Buffer.byteLength(value) });
    }
    if ("type" in value || "inode" in value) return json(node(name, value));
    return json(node(name, { type: "dir", subtree: await storeFolder(value as Folder) }));
  };
  const tree = await storeFolder(CONTENT);
  await writer.finish();
  const snapshot = await saveSnapshot(
    repository,
    {
      time,
      parent: undefined,
      tree,
      paths: ["/home", "/srv"],
      hostname: "box",
      username: "ann",
      uid: 0,
      gid: 0,
      excludes: [],
      tags: ["t"],
      original: undefined,
      programVersion: "holdfast 0",
      summary: undefined,
    },
    { signal },
  );
  return { snapshot, tree };
}

function json(of: TreeNode): string {
  return encodeNode(of).replace(/"mtime":"[^"]*","atime":"[^"]*","ctime":"[^"]*"/, TIMES);
}
