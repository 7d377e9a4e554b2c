/** `holdfast list`: prints ids. */
import { type BlobIndex, loadIndex } from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { type Session, withSession } from "../repository-session.ts";

/** The word on the command line, and the type of the files. */
const FILE_TYPES = { snapshots: "snapshot", packs: "pack", index: "index", keys: "key", locks: "lock" } as const;

export const run: RunCommand = (context) =>
  withSession(context, async (session) => {
    const type = context.args[0] ?? "";
    // The list of locks shall not show our own.
    if (type === "locks") return listFiles(session, "lock", context, context.signal);
    return session.locked("look", async (signal) => {
      if (type === "blobs") return listBlobs(await loadIndex(session.repository, { signal }), context);
      return listFiles(session, FILE_TYPES[type as keyof typeof FILE_TYPES], context, signal);
    });
  });

type ListedType = (typeof FILE_TYPES)[keyof typeof FILE_TYPES];

async function listFiles(
  session: Session,
  type: ListedType,
  context: CommandContext,
  signal: AbortSignal,
): Promise<number> {
  const { output } = context;
  for await (const { id, sizeBytes } of session.repository.files(type, { signal })) {
    if (output.settings.json) output.printJson({ type, id, size: sizeBytes });
    else output.print(id);
  }
  return EXIT.ok;
}

function listBlobs(index: BlobIndex, { output, signal }: CommandContext): number {
  for (let n = 0; n < index.count; n++) {
    signal.throwIfAborted();
    const place = index.locationAt(n);
    if (place === undefined) continue;
    const type = index.typeAt(n);
    const id = index.idAt(n);
    if (output.settings.json) output.printJson({ type, id, pack: index.packId(place.pack), size: place.lengthBytes });
    else output.print(`${type} ${id}`);
  }
  return EXIT.ok;
}
