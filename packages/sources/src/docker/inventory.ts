/** What an engine has of what the settings choose: containers with their labels, images, volumes, networks. */
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import { BUILT_IN_NETWORKS } from "./container-body.ts";
import {
  CONTAINER,
  type EngineContainer,
  type EngineImage,
  type EngineNetwork,
  type EngineVolume,
  IMAGE,
  INFO,
  LISTED_CONTAINERS,
  NETWORKS,
  VOLUMES,
} from "./engine/answers.ts";
import type { EngineClient } from "./engine/engine-client.ts";
import { type ContainerLabels, labelsOf, nameOf } from "./labels.ts";
import type { DockerSettings } from "./settings.ts";

const PROJECT = "com.docker.compose.project";

export interface NamedContainer {
  readonly name: string;
  readonly inspected: EngineContainer;
}

export interface ChosenContainer extends NamedContainer {
  readonly labels: ContainerLabels;
}

export interface Inventory {
  readonly isRootless: boolean;
  readonly containers: readonly ChosenContainer[];
  readonly images: readonly EngineImage[];
  readonly volumes: readonly EngineVolume[];
  readonly networks: readonly EngineNetwork[];
  /** All others that run and use one of the volumes: their writes are seen in the middle. */
  readonly others: readonly ChosenContainer[];
}

/** Every container, whether it runs or not, in the order of names. */
export async function allContainers(engine: EngineClient, options: CallOptions): Promise<NamedContainer[]> {
  const listed = await engine.json(
    LISTED_CONTAINERS,
    { path: ["containers", "json"], query: { all: "true" } },
    options,
  );
  const found: NamedContainer[] = [];
  for (const { Id } of listed) {
    const inspected = await engine.jsonIfThere(CONTAINER, { path: ["containers", Id, "json"] }, options);
    // Some live for a moment only, and are gone by now.
    if (inspected !== undefined) found.push({ name: nameOf(inspected), inspected });
  }
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** @throws SOURCES_SETTINGS when the settings choose nothing, or a container that is not there */
export async function takeInventory(
  engine: EngineClient,
  settings: DockerSettings,
  options: CallOptions,
): Promise<Inventory> {
  const named = await allContainers(engine, options);
  const all = named.map((each) => ({ ...each, labels: labelsOf(each.inspected, engine.parts.source) }));
  const containers = all.filter((each) => isChosen(each, settings));
  const unusable = (reason: string): Error => sourcesError("SOURCES_SETTINGS", { source: engine.parts.source, reason });
  const missing = settings.containers?.find((name) => !all.some((each) => each.name === name));
  if (missing !== undefined) throw unusable(`there is no container ${missing}`);
  const { Volumes } = await engine.json(VOLUMES, { path: ["volumes"] }, options);
  const used = new Set(containers.flatMap(volumesOf));
  const usedByOthers = new Set(all.filter((each) => !containers.includes(each)).flatMap(volumesOf));
  const isAll = settings.containers === undefined && settings.projects === undefined;
  const volumes = Volumes.filter(({ Name, Labels }) => {
    if (used.has(Name)) return true;
    // Of a container that was removed: what it has left is data still.
    return isAll ? !usedByOthers.has(Name) : settings.projects?.includes(Labels[PROJECT] ?? "") === true;
  }).toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
  if (containers.length + volumes.length === 0) throw unusable("they choose no container and no volume");
  const names = new Set(volumes.map(({ Name }) => Name));
  const isSharing = (each: ChosenContainer): boolean =>
    each.inspected.State.Running && !containers.includes(each) && volumesOf(each).some((name) => names.has(name));
  const { SecurityOptions, Rootless } = await engine.json(INFO, { path: ["info"] }, options);
  return {
    isRootless: Rootless === true || SecurityOptions.some((each) => each.includes("rootless")),
    containers,
    images: await imagesOf(engine, containers, options),
    volumes,
    networks: await networksOf(engine, containers, options),
    others: all.filter(isSharing),
  };
}

function isChosen({ name, labels }: ChosenContainer, settings: DockerSettings): boolean {
  if (labels.ignore || settings["exclude-containers"].includes(name)) return false;
  const { containers, projects } = settings;
  if (containers === undefined && projects === undefined) return true;
  return containers?.includes(name) === true || projects?.includes(labels.project ?? "") === true;
}

/** The names of the volumes that a container has, those without a name of their own among them. */
export function volumesOf({ inspected }: NamedContainer): string[] {
  return inspected.Mounts.flatMap(({ Type, Name }) => (Type === "volume" && Name !== undefined ? [Name] : []));
}

async function imagesOf(
  engine: EngineClient,
  containers: readonly ChosenContainer[],
  options: CallOptions,
): Promise<EngineImage[]> {
  const ids = [...new Set(containers.map(({ inspected }) => inspected.Image))].toSorted();
  const images: EngineImage[] = [];
  for (const id of ids) images.push(await engine.json(IMAGE, { path: ["images", id, "json"] }, options));
  return images;
}

async function networksOf(
  engine: EngineClient,
  containers: readonly ChosenContainer[],
  options: CallOptions,
): Promise<EngineNetwork[]> {
  const names = new Set(containers.flatMap(({ inspected }) => Object.keys(inspected.NetworkSettings.Networks)));
  const networks = await engine.json(NETWORKS, { path: ["networks"] }, options);
  return networks
    .filter(({ Name }) => names.has(Name) && !BUILT_IN_NETWORKS.has(Name))
    .toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
}
