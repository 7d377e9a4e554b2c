/** Restores a base backup as a data folder on which a server can be started. */
import { chown, lstat, mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import { chosenForm } from "../../contract/forms.ts";
import { recoveryTargetText } from "../../contract/recovery-target.ts";
import type { CallOptions, RestoreForm, RestoreOptions, RestoreReport } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { fillNewFolders } from "../../host/new-folders.ts";
import { toldOf } from "../../host/set-aside.ts";
import { postgresPrograms } from "../connection.ts";
import type { MethodParts } from "../method.ts";
import { serverUser, type ServerUser } from "../private-cluster.ts";
import { withChanges } from "../settings.ts";
import { ifAbsent } from "./data-files.ts";
import { CONFIGURATION, DATA, type PhysicalDetail, TABLESPACES, physicalDetailOf } from "./physical-facts.ts";
import { addSettings, prepareRecovery, removeLeftovers } from "./recovery.ts";
import { runningServer } from "./running-server.ts";

export const PHYSICAL_FORMS: readonly RestoreForm[] = [
  { name: "folder", description: "as a data folder on which a server of the same major version can be started" },
];

/** @throws as the contract says, and SOURCES_JOURNAL_GAP */
export async function restorePhysical(
  parts: MethodParts,
  captured: CapturedTree,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const { surroundings, source } = parts;
  const { signal, onStep, recovery, overwrite = false } = options;
  chosenForm(PHYSICAL_FORMS, options.form, source);
  const settings = withChanges(parts.settings, options.settings ?? {}, source);
  const detail = physicalDetailOf(captured.facts);
  const folder = targetFolder(options.folder, settings["data-folder"], parts);
  const user = await serverUser(settings["server-user"], postgresPrograms(source, surroundings), { signal });
  const places = tablespacePlaces(detail, settings.tablespaces, folder);
  const targets = [folder, ...places.map(({ place }) => place)];
  for (const target of targets) {
    if ((await runningServer(target)) !== undefined) throw sourcesError("SOURCES_TARGET_RUNNING", { target });
  }
  onStep(`writing ${folder}`);
  const remaining = await fillNewFolders(targets, overwrite, async (former) => {
    await writeCluster(captured, { folder, places }, { signal });
    const steps = await prepareStart(captured, { folder, source, recovery }, { signal, onStep });
    const configuration = await writeConfiguration(captured, folder, { signal });
    const besides = places.map(({ place }) => (dirname(place) === besideOf(folder) ? besideOf(folder) : place));
    await completeCluster(captured, folder, { signal });
    await chownAll([folder, ...besides], user);
    return [...toldOf(former), ...steps, ...configuration];
  });
  const restored = [
    `the cluster: ${detail.databases.length} databases, ${detail.sizeBytes} bytes`,
    ...places.map(({ location, place }) => `the tablespace ${location}: in ${place}`),
  ];
  return { restored, place: folder, remaining };
}

/** PostgreSQL stops at a time by the first transaction that was committed after it. */
const IDLE =
  'If it ends with "recovery ended before configured recovery target was reached", no transaction after that time is in the journal: restore with --until latest instead.';

interface Starting {
  readonly folder: string;
  readonly source: string;
  readonly recovery: RestoreOptions["recovery"];
}

/** Settings for the first start, and the WAL that it replays. @returns what is left to do for a person */
async function prepareStart(
  { facts }: CapturedTree,
  { folder, source, recovery }: Starting,
  { signal, onStep }: CallOptions & Pick<RestoreOptions, "onStep">,
): Promise<string[]> {
  const archive =
    "archive_mode is off in postgresql.auto.conf, so that a copy does not write where the original does: ALTER SYSTEM RESET archive_mode, and restart, when it takes its place.";
  if (recovery === undefined) {
    const remark = "By Holdfast, so that a copy does not archive in the place of the original.";
    await addSettings(folder, { archive_mode: "off" }, remark);
    return ["Start the server: it recovers to the end of the backup.", archive];
  }
  onStep(`bringing the WAL for ${recoveryTargetText(recovery.until)}`);
  const { settings } = await prepareRecovery({ facts, recovery, data: folder, source }, { signal });
  const remark = "By Holdfast, for the recovery at the first start.";
  await addSettings(folder, { ...settings, archive_mode: "off" }, remark);
  return [
    "Start the server: it replays its WAL, and takes writes when it is there. Then remove the folder holdfast-wal in it.",
    ...(recovery.until.kind === "time" ? [IDLE] : []),
    archive,
  ];
}

/** A tablespace, and where it is restored. */
export interface TablespacePlace {
  readonly oid: string;
  /** Where it was. */
  readonly location: string;
  readonly place: string;
}

/** Beside the data folder, unless the settings say where: the original's may be in use. */
export function tablespacePlaces(
  { tablespaces }: PhysicalDetail,
  chosen: Readonly<Record<string, string>>,
  folder: string,
): TablespacePlace[] {
  return tablespaces.map(({ oid, location }) => ({
    oid,
    location,
    place: (Object.hasOwn(chosen, location) ? chosen[location] : undefined) ?? join(besideOf(folder), oid),
  }));
}

function besideOf(folder: string): string {
  return `${folder}.tablespaces`;
}

/** Without what lies in it no server starts on the other files, so it comes last: a run that is cut off leaves nothing to be started. */
const LAST = "global";

/** Writes the files of a base backup into empty folders, but for the last. @throws SOURCES_DAMAGED */
export async function writeCluster(
  captured: CapturedTree,
  { folder, places }: { folder: string; places: readonly TablespacePlace[] },
  options: CallOptions,
): Promise<void> {
  const names = (await captured.list(DATA, options)).map(({ path }) => path.slice(DATA.length + 1));
  const only = names.filter((name) => name !== LAST).map((name) => `/${name}`);
  await captured.extract(DATA, folder, { ...options, only });
  for (const { oid, place } of places) {
    await mkdir(place, { recursive: true, mode: 0o700 });
    await captured.extract(`${TABLESPACES}/${oid}`, place, options);
  }
  for (const root of [folder, ...places.map(({ place }) => place)]) await requirePlain(root, root);
  // The server makes its links by this when it starts.
  const lines = places.map(({ oid, place }) => `${oid} ${place.replaceAll(/[\n\r\\]/g, "\\$&")}\n`);
  if (lines.length > 0) await writeFile(join(folder, "tablespace_map"), lines.join(""), { mode: 0o600 });
  await removeLeftovers(folder);
}

/** Writes the last files into a folder that `writeCluster` has written, so that a server can be started on it. @throws SOURCES_DAMAGED */
export async function completeCluster(captured: CapturedTree, folder: string, options: CallOptions): Promise<void> {
  await captured.extract(`${DATA}/${LAST}`, join(folder, LAST), options);
  await requirePlain(folder, join(folder, LAST));
}

/** A link in a capture that is not ours would lead what is written here to elsewhere. @throws SOURCES_DAMAGED */
async function requirePlain(root: string, path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const each = join(path, entry.name);
    if (entry.isDirectory()) await requirePlain(root, each);
    else if (!entry.isFile()) {
      const what = each.slice(root.length + 1);
      throw sourcesError("SOURCES_DAMAGED", { what, reason: "a base backup has files and folders only" });
    }
  }
}

/** Everything in these folders belongs to the server's user then, wherever it was captured. */
export async function chownAll(folders: readonly string[], user: ServerUser): Promise<void> {
  if (user === undefined) return;
  const visit = async (path: string): Promise<void> => {
    const found = await lstat(path).catch(ifAbsent);
    if (found === undefined || found.isSymbolicLink()) return;
    if (found.uid !== user.uid || found.gid !== user.gid) await chown(path, user.uid, user.gid);
    if (found.isDirectory()) for (const name of await readdir(path)) await visit(join(path, name));
  };
  for (const folder of folders) await visit(folder);
}

function targetFolder(given: string | undefined, configured: string | undefined, { source }: MethodParts): string {
  const folder = given ?? configured;
  if (folder !== undefined) return folder;
  throw sourcesError("SOURCES_UNSUPPORTED", {
    source,
    what: "restoring a cluster",
    reason: "nothing says where to: name an empty folder with --target, or --set data-folder=PATH",
  });
}

/** Under names that no server reads: they name the original's folders. */
async function writeConfiguration(captured: CapturedTree, folder: string, options: CallOptions): Promise<string[]> {
  const names = await configurationFiles(captured, options);
  for (const name of names) {
    const pieces: Uint8Array[] = [];
    for await (const piece of captured.read(`${CONFIGURATION}/${name}`, options)) pieces.push(piece);
    await writeFile(join(folder, `${name}.captured`), Buffer.concat(pieces), { mode: 0o600 });
  }
  if (names.length === 0) return [];
  return [
    `Its configuration lay outside of the data folder. As it was it is in ${names.map((name) => `${name}.captured`).join(", ")}: look through it before a server uses it, as it names the original's folders.`,
  ];
}

async function configurationFiles(captured: CapturedTree, options: CallOptions): Promise<string[]> {
  const top = await captured.list(undefined, options);
  if (!top.some(({ path }) => path === CONFIGURATION)) return [];
  const files = await captured.list(CONFIGURATION, options);
  return files.map(({ path }) => path.slice(CONFIGURATION.length + 1)).filter((name) => /^[a-z_.]+$/.test(name));
}
