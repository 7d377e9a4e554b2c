/** Restores dumps as the files that they are. */
import { dirname, join } from "node:path";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import { namedFolder } from "../../contract/restore-files.ts";
import type { RestoreOptions, RestoreReport } from "../../contract/source.ts";
import { requireEmptyFolder } from "../../host/empty-folder.ts";
import type { MethodParts } from "../method.ts";
import { type DatabaseFacts, GLOBALS_FILE } from "./dump-facts.ts";

/** @throws SOURCES_TARGET_NOT_EMPTY, SOURCES_UNSUPPORTED, SOURCES_DAMAGED */
export async function restoreDumpFiles(
  { source }: MethodParts,
  captured: CapturedTree,
  chosen: readonly DatabaseFacts[],
  options: RestoreOptions,
): Promise<RestoreReport> {
  const { overwrite = false, signal, onStep } = options;
  const folder = namedFolder(options, source);
  await requireEmptyFolder(folder, { overwrite });
  for (const file of [GLOBALS_FILE, ...chosen.map((each) => each.file)]) {
    onStep(`writing ${file}`);
    await captured.extract(file, join(folder, dirname(file)), { signal });
  }
  return {
    restored: [GLOBALS_FILE, ...chosen.map(({ file, name }) => `${file}: the database ${name}`)],
    place: folder,
    remaining: [
      `Roles: psql --file=${GLOBALS_FILE} postgres. Each database: pg_restore --create --exit-on-error --dbname=postgres FILE.`,
      "Both may hold secrets, such as the passwords of roles.",
    ],
  };
}
