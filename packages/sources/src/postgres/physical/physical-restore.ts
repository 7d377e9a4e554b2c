/** Restores a base backup as a data folder on which a server can be started. */
import { chown, lstat, mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import { chosenForm } from "../../contract/forms.ts";
import { recoveryTargetText } from "../../contract/recovery-target.ts";
import type { CallOptions, RestoreForm, RestoreOptions, RestoreReport } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { requireEmptyFolder } from "../../host/empty-folder.ts";
import { setAside, toldOf } from "../../host/set-aside.ts";
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
  const former = await makeRoom([folder, ...places.map(({ place }) => place)], { overwrite });
  onStep(`writing ${folder}`);
  await writeCluster(captured, { folder, places }, { signal });
  const besides = places.map(({ place }) => (dirname(place) === besideOf(folder) ? besideOf(folder) : place));
  await chownAll(besides, user);
  const remaining = toldOf(former);
  if (recovery !== undefined) {
    onStep(`bringing the WAL for ${recoveryTargetText(recovery.until)}`);
    const recoverySettings = await prepareRecovery(
      { facts: captured.facts, recovery, data: folder, source },
      { signal },
    );
    await addSettings(
      folder,
      { ...recoverySettings, archive_mode: "off" },
      "By Holdfast, for the recovery at the first start.",
    );
    remaining.push(
      "Start the server: it replays its WAL, and takes writes when it is there. Then remove the folder holdfast-wal in it.",
    );
  } else {
    await addSettings(
      folder,
      { archive_mode: "off" },
      "By Holdfast, so that a copy does not archive in the place of the original.",
    );
    remaining.push("Start the server: it recovers to the end of the backup.");
  }
  remaining.push(
    "archive_mode is off in postgresql.auto.conf, so that a copy does not write where the original does: ALTER SYSTEM RESET archive_mode, and restart, when it takes its place.",
  );
  remaining.push(...(await writeConfiguration(captured, folder, { signal })));
  await chownAll([folder], user);
  const restored = [
    `the cluster: ${detail.databases.length} databases, ${detail.sizeBytes} bytes`,
    ...places.map(({ location, place }) => `the tablespace ${location}: in ${place}`),
  ];
  return { restored, place: folder, remaining };
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

/** Writes the files of a base backup into empty folders. @throws SOURCES_DAMAGED */
export async function writeCluster(
  captured: CapturedTree,
  { folder, places }: { folder: string; places: readonly TablespacePlace[] },
  options: CallOptions,
): Promise<void> {
  await captured.extract(DATA, folder, options);
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

/** @returns where what was there is now @throws SOURCES_TARGET_RUNNING, SOURCES_TARGET_NOT_EMPTY */
async function makeRoom(folders: readonly string[], { overwrite }: { overwrite: boolean }): Promise<string[]> {
  for (const folder of folders) {
    if ((await runningServer(folder)) !== undefined) throw sourcesError("SOURCES_TARGET_RUNNING", { target: folder });
    await requireEmptyFolderOr(folder, { overwrite });
  }
  const former: string[] = [];
  for (const folder of folders) {
    const names = (await readdir(folder).catch(ifAbsent)) ?? [];
    if (names.length > 0) former.push(...(await setAside([folder])));
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  return former;
}

async function requireEmptyFolderOr(folder: string, { overwrite }: { overwrite: boolean }): Promise<void> {
  const parent = await lstat(dirname(folder)).catch(ifAbsent);
  if (parent === undefined) return;
  if ((await lstat(folder).catch(ifAbsent)) !== undefined) await requireEmptyFolder(folder, { overwrite });
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
