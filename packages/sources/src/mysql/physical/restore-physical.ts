/** Restores a physical capture as a data folder, which a server can be started on. */
import { chown, mkdtemp, readdir, realpath, rename, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import { namedFolder } from "../../contract/restore-files.ts";
import { NO_SETTINGS, restoreSettings } from "../../contract/restore-settings.ts";
import type { RestoreOptions, RestoreReport } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { processesWithOpen } from "../../host/open-files.ts";
import { fillNewFolders } from "../../host/new-folders.ts";
import { toldOf } from "../../host/set-aside.ts";
import type { SourceSurroundings } from "../../contract/surroundings.ts";
import { planReplay } from "../journal/plan-replay.ts";
import type { MysqlSettings } from "../settings.ts";
import { replayIntoFolder } from "./replay-into-folder.ts";
import type { Tools } from "../server/tools.ts";
import { physicalTool } from "./capture-physical.ts";
import { readPhysicalDetail } from "./detail.ts";
import { unpackPhysical } from "./unpack.ts";

/** Files that a server has open as long as it runs. */
const OPEN_FILES = ["ibdata1", "aria_log_control", "ib_logfile0"];
/** Without these no server starts on the others. */
const LAST = new Set(["ibdata1", "ib_logfile0"]);

interface Parts {
  readonly tools: Tools;
  readonly settings: MysqlSettings;
  readonly surroundings: SourceSurroundings;
}

/**
 * What is in the folder is moved beside it when it may be replaced.
 * @throws SOURCES_TARGET_NOT_EMPTY, SOURCES_TARGET_RUNNING before anything was changed, SOURCES_DAMAGED, SOURCES_TOOL_FAILED
 */
export async function restorePhysical(
  captured: CapturedTree,
  parts: Parts,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const { tools } = parts;
  const { signal, onStep, recovery, overwrite = false } = options;
  const { version, detail } = readPhysicalDetail(captured);
  await physicalTool({ tools }, version, { signal });
  restoreSettings(NO_SETTINGS, options.settings, tools.source);
  const folder = namedFolder(options, tools.source);
  const plan =
    recovery === undefined ? undefined : await planReplay(captured.facts, recovery, tools.source, { signal });
  const user = await tools.serverUser({ signal });
  await refuseRunning(folder);
  const former = await fillNewFolders([folder], overwrite, async (aside) => {
    // Within it, as it may be a file system of its own.
    const work = await mkdtemp(join(folder, ".holdfast-"));
    if (user !== undefined) for (const path of [folder, work]) await chown(path, user.uid, user.gid);
    await unpackPhysical(captured, { tools, folder: work, user, onStep }, { signal });
    if (plan !== undefined && recovery !== undefined) {
      await replayIntoFolder({ ...parts, data: work, detail, version, recovery, plan, onStep }, { signal });
    }
    const names = await readdir(work);
    const inOrder = [...names.filter((name) => !LAST.has(name)), ...names.filter((name) => LAST.has(name))];
    for (const name of inOrder) await rename(join(work, name), join(folder, name));
    await rmdir(work);
    return aside;
  });
  const remaining = [`Start a server of MariaDB ${version.major}.${version.minor} on it.`, ...toldOf(former)];
  const databases = Object.entries(detail.tables).map(
    ([name, { length }]) => `the database ${name}: tables: ${length}`,
  );
  const replayed = plan === undefined ? [] : [`the binary log up to ${plan.end}`];
  return { restored: [...databases, `files: ${detail.files}`, ...replayed], place: folder, remaining };
}

async function refuseRunning(folder: string): Promise<void> {
  const paths: string[] = [];
  for (const name of OPEN_FILES) {
    const path = join(folder, name);
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (isThere) paths.push(await realpath(path));
  }
  if (paths.length > 0 && (await processesWithOpen(paths)).length > 0) {
    throw sourcesError("SOURCES_TARGET_RUNNING", { target: join(dirname(folder), basename(folder)) });
  }
}
