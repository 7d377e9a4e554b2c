/** Restores dumps into a server, or as files. */
import type { CapturedTree } from "../../contract/captured-tree.ts";
import { chosenForm } from "../../contract/forms.ts";
import type { RestoreForm, RestoreOptions, RestoreReport } from "../../contract/source.ts";
import { Connection } from "../connection.ts";
import { explained } from "../failures.ts";
import type { MethodParts } from "../method.ts";
import { withChanges } from "../settings.ts";
import { chosenDumps } from "./chosen-dumps.ts";
import { dumpDetailOf } from "./dump-facts.ts";
import { restoreDumpFiles } from "./restore-files.ts";
import { ServerRestore } from "./server-restore.ts";

export const DUMP_FORMS: readonly RestoreForm[] = [
  { name: "server", description: "into a server, beside its other databases" },
  { name: "folder", description: "as files of pg_dump and pg_dumpall in an empty folder" },
];

/** @throws as the contract says, and SOURCES_TARGET_IN_USE, SOURCES_RIGHTS, SOURCES_UNSUPPORTED */
export async function restoreDumps(
  parts: MethodParts,
  captured: CapturedTree,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const form = chosenForm(DUMP_FORMS, options.form, parts.source);
  const detail = dumpDetailOf(captured.facts);
  const settings = withChanges(parts.settings, options.settings ?? {}, parts.source);
  const chosen = chosenDumps(detail, settings, parts.source);
  if (form === "folder") return restoreDumpFiles(parts, captured, chosen, options);
  const { signal } = options;
  const needed = ["pg_restore", "psql"] as const;
  const connection = await Connection.open(
    settings,
    parts.surroundings,
    { source: parts.source, needed: [...needed] },
    { signal },
  );
  try {
    return await new ServerRestore({ ...parts, settings }, { connection, captured, detail, chosen, options }).run();
  } catch (error) {
    signal.throwIfAborted();
    throw explained(error, parts.source, connection.server.role);
  } finally {
    await connection.close();
  }
}
