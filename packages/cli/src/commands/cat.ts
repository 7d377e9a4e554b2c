/** `holdfast cat`: prints one object of the repository. */
import {
  BlobReader,
  type BlobType,
  type Id,
  type Repository,
  TreeReader,
  encodeConfig,
  encodeMasterKey,
  engineError,
  findFileId,
  findSnapshot,
  isId,
  loadIndex,
  resolvePath,
} from "@holdfast/engine";
import { loadBytes } from "@holdfast/storage";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { type Session, withSession } from "../repository-session.ts";

type Signal = { readonly signal: AbortSignal };

export const run: RunCommand = (context) =>
  withSession(context, async (session) => {
    const [type = "", id = ""] = context.args;
    const needsId = type !== "config" && type !== "masterkey";
    if (needsId !== (id !== "")) {
      const problem = needsId ? `cat ${type} needs an id` : `cat ${type} takes no id`;
      throw cliError("CLI_USAGE", { problem, help: "holdfast help cat" });
    }
    const work = (signal: AbortSignal): Promise<number> => printObject(context, session, { type, id }, { signal });
    // Looking at a lock must be possible while the repository is locked.
    return type === "lock" ? work(context.signal) : session.locked("look", work);
  });

async function printObject(
  context: CommandContext,
  session: Session,
  { type, id }: { type: string; id: string },
  { signal }: Signal,
): Promise<number> {
  const { repository } = session;
  const { output } = context;
  switch (type) {
    case "config":
      printDocument(context, encodeConfig(repository.config));
      break;
    case "masterkey":
      printDocument(context, encodeMasterKey(repository.masterKey));
      break;
    case "snapshot":
    case "index":
    case "lock":
      printDocument(context, await repository.loadDocument(type, await idOf(repository, type, id, signal), { signal }));
      break;
    case "key":
      printDocument(
        context,
        await loadFile(repository, "key", await findFileId(repository, "key", id, { signal }), signal),
      );
      break;
    case "pack":
      await output.printBytes(
        await loadFile(repository, "pack", await findFileId(repository, "pack", id, { signal }), signal),
        { signal },
      );
      break;
    case "tree":
      printDocument(context, await loadTree(session, id, signal));
      break;
    default:
      await output.printBytes(await loadBlob(session, id, signal), { signal });
  }
  return EXIT.ok;
}

async function idOf(
  repository: Repository,
  type: "snapshot" | "index" | "lock",
  text: string,
  signal: AbortSignal,
): Promise<Id> {
  return type === "snapshot"
    ? (await findSnapshot(repository, text, { signal })).stored.id
    : findFileId(repository, type, text, { signal });
}

/** Keys and packs are not encrypted as a whole. */
function loadFile(repository: Repository, type: "key" | "pack", name: Id, signal: AbortSignal): Promise<Uint8Array> {
  return loadBytes(repository.backend, { type, name }, undefined, { signal });
}

async function loadTree(session: Session, text: string, signal: AbortSignal): Promise<Uint8Array> {
  const index = await loadIndex(session.repository, { signal });
  const blobs = new BlobReader(session.repository, index);
  if (isId(text)) return blobs.load("tree", text, { signal });
  const { stored, subfolder } = await findSnapshot(session.repository, text, { signal });
  const target = await resolvePath(new TreeReader(blobs), stored.snapshot.tree, subfolder, { signal });
  if (target.kind === "node") throw engineError("ENGINE_PATH_NOT_FOUND", { path: `${subfolder}/` });
  return blobs.load("tree", target.id, { signal });
}

async function loadBlob(session: Session, text: string, signal: AbortSignal): Promise<Uint8Array> {
  const index = await loadIndex(session.repository, { signal });
  if (!isId(text))
    throw cliError("CLI_INVALID_VALUE", { value: text, option: "the id of a blob", expected: "give all 64 digits" });
  const reader = new BlobReader(session.repository, index);
  const isTree = index.findAll("tree", Buffer.from(text, "hex"), 0).length > 0;
  const type: BlobType = isTree ? "tree" : "data";
  return reader.load(type, text, { signal });
}

/** JSON on indented lines for people; as it is stored with --json. */
function printDocument({ output }: CommandContext, bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString("utf8");
  output.print(output.settings.json ? text.trimEnd() : indentJson(text));
}

/** Indents JSON without reading its numbers, which may be longer than JavaScript's. */
function indentJson(text: string): string {
  const reviver = (_key: string, value: unknown, { source }: { source?: string }): unknown =>
    typeof value === "number" && source !== undefined ? rawJSON(source) : value;
  return JSON.stringify(parseWithSource(text, reviver), undefined, 2);
}

/** Parts of ECMAScript that TypeScript's library does not declare yet. */
const { rawJSON, parse: parseWithSource } = JSON as unknown as {
  rawJSON(text: string): unknown;
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
};
