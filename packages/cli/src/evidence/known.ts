/** What is known of snapshots by the records of earlier runs. */
import { messageOf } from "@holdfast/base";
import { Evidence, type Id, type Repository, listEvidence } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { plural } from "../output/units.ts";

/** All records that can be read, and how many cannot. */
export interface KnownEvidence {
  readonly evidence: Evidence;
  readonly unreadable: number;
}

/**
 * Reads all records. One warning tells of all that cannot be read.
 * @param during the command, for the warning
 * @throws what the backend throws when it is out of reach
 */
export async function readEvidence(
  { output }: Pick<CommandContext, "output">,
  repository: Repository,
  { signal, during }: { readonly signal: AbortSignal; readonly during: string },
): Promise<KnownEvidence> {
  const unreadable: { id: Id; error: unknown }[] = [];
  const onDamaged = (id: Id, error: unknown): void => void unreadable.push({ id, error });
  const records = await listEvidence(repository, { signal, onDamaged });
  const [first] = unreadable;
  if (first !== undefined) {
    const count = plural(unreadable.length, "record of evidence", "records of evidence");
    const what = `${count} cannot be read, so what an earlier run found out about snapshots is not known`;
    const way = `Copy the file holdfast/evidence/${first.id} back from another copy of the repository; if it is lost, delete it and run \`holdfast check --read-data\``;
    output.warn(`${what} (${messageOf(first.error)}). ${way}`, { during, item: first.id });
  }
  return { evidence: new Evidence(records, { nowMs: Date.now() }), unreadable: unreadable.length };
}

/** As `readEvidence`, for commands that only show it: where records cannot be had at all, nothing is known, and that is told. */
export async function evidenceIfAny(
  context: Pick<CommandContext, "output">,
  repository: Repository,
  options: { readonly signal: AbortSignal; readonly during: string },
): Promise<Evidence> {
  try {
    return (await readEvidence(context, repository, options)).evidence;
  } catch (error) {
    options.signal.throwIfAborted();
    const text = `what earlier runs found out about snapshots is not known: ${messageOf(error)}`;
    context.output.warn(text, { during: options.during });
    return new Evidence([], { nowMs: Date.now() });
  }
}
