/** Restores volumes into an engine: makes those that are missing, and fills them. */
import { readdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { systemCode } from "@holdfast/base";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions, RestoreOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import { type EngineVolume, VOLUME, VOLUMES } from "./engine/answers.ts";
import type { EngineClient } from "./engine/engine-client.ts";
import { allContainers, volumesOf } from "./inventory.ts";
import { PLACES, type StoredVolume } from "./stored-facts.ts";

const COMPOSE = "com.docker.compose.";

export interface RestoringParts {
  readonly engine: EngineClient;
  readonly captured: CapturedTree;
  readonly prefix: string;
  readonly options: RestoreOptions;
}

/** One that can be filled. */
interface Target {
  readonly volume: StoredVolume;
  readonly name: string;
  readonly existing: EngineVolume | undefined;
}

/**
 * Nothing is changed before all of them are known to be fit for it.
 * @param skipsExisting leaves those alone that are there, rather than to refuse them
 * @returns those that it has filled, by their new names
 * @throws SOURCES_TARGET_NOT_EMPTY, SOURCES_TARGET_RUNNING
 */
export async function volumeTargets(
  { engine, prefix, options }: RestoringParts,
  volumes: readonly StoredVolume[],
  { skipsExisting }: { skipsExisting: boolean },
): Promise<Target[]> {
  const { Volumes } = await engine.json(VOLUMES, { path: ["volumes"] }, options);
  const containers = await allContainers(engine, options);
  const targets: Target[] = [];
  for (const volume of volumes.filter(({ from }) => from !== undefined)) {
    const name = prefix + volume.name;
    const existing = Volumes.find((each) => each.Name === name);
    const folder = existing === undefined ? outside(volume, prefix) : dataFolder(existing);
    const isFilled = folder !== undefined && (await hasEntries(folder));
    if (skipsExisting && (existing !== undefined || isFilled)) continue;
    const user = containers.find((each) => each.inspected.State.Running && volumesOf(each).includes(name));
    if (user !== undefined) {
      throw sourcesError("SOURCES_TARGET_RUNNING", {
        target: `the volume ${name}, which container ${user.name} uses,`,
      });
    }
    if (isFilled && options.overwrite !== true) {
      throw sourcesError("SOURCES_TARGET_NOT_EMPTY", { target: `the volume ${name}` });
    }
    targets.push({ volume, name, existing });
  }
  return targets;
}

/** @returns one line for each */
export async function fillVolumes(parts: RestoringParts, targets: readonly Target[]): Promise<string[]> {
  const { engine, captured, prefix, options } = parts;
  const lines: string[] = [];
  for (const { volume, name, existing } of targets) {
    options.onStep(`filling the volume ${name}`);
    const made = existing ?? (await makeVolume(engine, { volume, name, prefix }, options));
    await extractData(captured, volume.name, dataFolder(made), options);
    lines.push(`volume ${name}`);
  }
  return lines;
}

/**
 * The folder itself with its owner and mode as well, where it is called as in the snapshot: databases refuse a folder that others may
 * enter.
 */
async function extractData(
  captured: CapturedTree,
  name: string,
  folder: string,
  { signal }: CallOptions,
): Promise<void> {
  const place = `${PLACES.volumes}/${name}`;
  if (basename(folder) !== PLACES.data) await captured.extract(`${place}/${PLACES.data}`, folder, { signal });
  else await captured.extract(place, dirname(folder), { signal, only: [`/${PLACES.data}`] });
}

async function makeVolume(
  engine: EngineClient,
  { volume, name, prefix }: { volume: StoredVolume; name: string; prefix: string },
  options: CallOptions,
): Promise<EngineVolume> {
  // Under another name it must not become the same folder, nor be taken by compose for its own.
  const labels = Object.entries(volume.labels).filter(([label]) => prefix === "" || !label.startsWith(COMPOSE));
  const body = {
    Name: name,
    Driver: volume.driver,
    DriverOpts: prefix === "" ? volume.options : {},
    Labels: Object.fromEntries(labels),
  };
  return engine.json(VOLUME, { method: "POST", path: ["volumes", "create"], body }, options);
}

/** A volume that is a folder elsewhere is filled there: it is mounted only while a container uses it. */
function dataFolder({ Mountpoint, Options }: EngineVolume): string {
  const { device } = Options;
  return device?.startsWith("/") === true ? device : Mountpoint;
}

function outside({ options: { device } }: StoredVolume, prefix: string): string | undefined {
  return prefix === "" && device?.startsWith("/") === true ? device : undefined;
}

async function hasEntries(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length > 0;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}
