/** What was removed through a server, and the choice of some of it. */
import { Ledger, RepositoryPlaces, Trash, type TrashRow } from "@holdfast/server";
import type { CommandContext } from "../context.ts";
import { surroundingsOf } from "../surroundings.ts";
import { parseTime } from "../values/time.ts";

export interface OpenTrash {
  readonly trash: Trash;
  /** What names and options choose. */
  readonly chosen: readonly TrashRow[];
}

/** Opens the records of a server, which may run meanwhile, and closes them. @throws what opening them throws */
export async function withTrash<T>(context: CommandContext, work: (open: OpenTrash) => Promise<T>): Promise<T> {
  const { args, options } = context;
  const [root = "", ...names] = args;
  const places = new RepositoryPlaces(root, {
    surroundings: surroundingsOf(context),
    stateFolder: options.text("state"),
  });
  try {
    const ledger = Ledger.open(places.stateFolder, { mustExist: true });
    try {
      const trash = new Trash(ledger, places);
      return await work({ trash, chosen: choose(trash.list(), names, context) });
    } finally {
      ledger.close();
    }
  } finally {
    await places.close();
  }
}

function choose(rows: readonly TrashRow[], names: readonly string[], { options }: CommandContext): TrashRow[] {
  const repository = options.text("repository");
  const type = options.text("type");
  const since = options.parsed("since", "give a time such as '2026-11-01 22:08'", (text) => parseTime(text));
  return rows.filter(
    (row) =>
      (repository === undefined || row.repository === (repository === "/" ? "" : repository)) &&
      (type === undefined || row.type === type) &&
      (since === undefined || BigInt(row.removedMs) * 1_000_000n >= since) &&
      (names.length === 0 || names.some((name) => row.name.startsWith(name))),
  );
}

/** A row for programs. */
export function trashJson(row: TrashRow): Readonly<Record<string, string | number>> {
  const { repository, type, name, sizeBytes, removedBy, removedMs, purgeMs } = row;
  const [removed, until] = [new Date(removedMs).toISOString(), new Date(purgeMs).toISOString()];
  return { repository, type, name, size: sizeBytes, removed, removed_by: removedBy, until };
}
