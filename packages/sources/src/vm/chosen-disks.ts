/** Which disks of a machine are captured. */
import { sourcesError } from "../errors.ts";

/** @throws SOURCES_SETTINGS when one that is to be excluded is not there, or none is left */
export function chosenDisks<T extends { readonly name: string }>(
  disks: readonly T[],
  excluded: readonly string[],
  source: string,
): T[] {
  const names = disks.map(({ name }) => name);
  const said = `its disks are ${names.join(", ") || "none"}`;
  const refuse = (reason: string): Error => sourcesError("SOURCES_SETTINGS", { source, reason: `${reason}: ${said}` });
  const unknown = excluded.find((name) => !names.includes(name));
  if (unknown !== undefined) throw refuse(`there is no disk ${unknown} to exclude`);
  const chosen = disks.filter(({ name }) => !excluded.includes(name));
  if (chosen.length === 0) throw refuse("no disk is left");
  return chosen;
}
