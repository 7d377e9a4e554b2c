/** Which forgotten snapshots a command is about. */
import { messageOf } from "@holdfast/base";
import { type ForgottenSnapshot, type Id, type Repository, findFileId, listForgotten } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { snapshotFilter } from "../snapshot-choice.ts";

export interface ChosenForgotten {
  readonly found: readonly ForgottenSnapshot[];
  /** Named ones that are snapshots as well: a run was cut off while it moved them. */
  readonly present: readonly Id[];
  /** Those that cannot be read. */
  readonly damaged: readonly Id[];
}

/** Those that are named, else all that meet the filter. @throws ENGINE_NOT_FORGOTTEN, ENGINE_ID_AMBIGUOUS */
export async function chosenForgotten(
  { args, options, output }: CommandContext,
  repository: Repository,
  signal: AbortSignal,
): Promise<ChosenForgotten> {
  const ids = new Set<Id>();
  for (const text of args) ids.add(await findFileId(repository, "forgotten", text, { signal }));
  const damaged = new Set<Id>();
  const onDamaged = (id: Id, error: unknown): void => {
    if (ids.size > 0 && !ids.has(id)) return;
    damaged.add(id);
    output.warn(`forgotten snapshot ${id} cannot be read: ${messageOf(error)}`, { during: "unforget", item: id });
  };
  const filter = ids.size > 0 ? {} : snapshotFilter(options);
  const all = await listForgotten(repository, { signal, filter, onDamaged });
  if (ids.size === 0) return { found: all, present: [], damaged: [...damaged] };
  const found = all.filter(({ id }) => ids.has(id));
  const present = [...ids].filter((id) => !damaged.has(id) && !found.some((each) => each.id === id));
  return { found, present, damaged: [...damaged] };
}
