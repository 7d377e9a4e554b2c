/** Brings containers back: their images, networks and volumes where they are missing, and the containers themselves. They are not started. */
import { z } from "zod";
import { systemCode, isWithin } from "@holdfast/base";
import { lstat } from "node:fs/promises";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions, RestoreReport } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import { putBack } from "../files/place.ts";
import { containerBody } from "./container-body.ts";
import { CONTAINER, CREATED, type EngineContainer, IMAGE, NETWORK, NETWORKS } from "./engine/answers.ts";
import type { EngineClient } from "./engine/engine-client.ts";
import { allContainers } from "./inventory.ts";
import { type RestoringParts, fillVolumes, volumeTargets } from "./restore-volumes.ts";
import { type DockerDetail, PLACES, type StoredContainer, type StoredImage } from "./stored-facts.ts";

/** @throws as `Source.restore` */
export async function restoreContainers(
  parts: RestoringParts,
  whole: DockerDetail,
  isChosen: (container: StoredContainer) => boolean,
): Promise<RestoreReport> {
  const { engine, prefix, captured, options } = parts;
  const existing = await allContainers(engine, options);
  const inspected = new Map<string, EngineContainer>();
  for (const { name } of whole.containers.filter(isChosen)) {
    inspected.set(name, await storedContainer(captured, name, options));
  }
  const detail = partOf(whole, inspected);
  const taken = detail.containers.find(({ name }) => existing.some((each) => each.name === prefix + name));
  if (taken !== undefined) {
    throw sourcesError("SOURCES_TARGET_IN_USE", {
      target: `the name ${prefix}${taken.name}`,
      by: "the engine has a container that is called so, and nothing was restored",
      how: "Restore beside it with --set prefix=test_, choose others with --set containers=NAME, or rename that container first.",
    });
  }
  const targets = await volumeTargets(parts, detail.volumes, { skipsExisting: true });
  const restored: string[] = [];
  const remaining: string[] = [];
  const networks = new Set([...inspected.values()].flatMap((each) => Object.keys(each.NetworkSettings.Networks)));
  const images = await loadImages(parts, detail.images, { restored, remaining });
  restored.push(...(await makeNetworks(parts, networks)), ...(await fillVolumes(parts, targets)));
  const filled = new Set(targets.map(({ volume }) => volume.name));
  for (const { name, from } of detail.volumes.filter((each) => !filled.has(each.name))) {
    remaining.push(
      from === undefined
        ? `The volume ${name} was not captured: bring it back from where it is kept.`
        : `The volume ${prefix}${name} was there, and was left as it is.`,
    );
  }
  await putBinds(parts, detail, { restored, remaining });
  const names = new Map([...inspected].map(([name, { Id }]) => [Id, name]));
  for (const stored of detail.containers.toSorted(
    (a, b) => joining(inspected.get(a.name)) - joining(inspected.get(b.name)),
  )) {
    const imageId = images.get(stored.imageId);
    if (imageId === undefined) continue;
    options.onStep(`making container ${prefix}${stored.name}`);
    await makeContainer(parts, inspected.get(stored.name) as EngineContainer, { stored, imageId, names });
    restored.push(`container ${prefix}${stored.name}, not started`);
  }
  if (prefix !== "")
    remaining.push("Published ports are those of the originals: two that run at once cannot both have them.");
  return {
    restored,
    place: `the engine at ${engine.parts.socket}`,
    remaining: [...remaining, "Start the containers."],
  };
}

/** What some of the containers need; all of it for all of them. */
function partOf(whole: DockerDetail, chosen: ReadonlyMap<string, EngineContainer>): DockerDetail {
  if (whole.containers.every(({ name }) => chosen.has(name))) return whole;
  const mounts = [...chosen.values()].flatMap(({ Mounts }) => Mounts);
  const images = new Set([...chosen.values()].map(({ Image }) => Image));
  return {
    ...whole,
    containers: whole.containers.filter(({ name }) => chosen.has(name)),
    volumes: whole.volumes.filter(({ name }) => mounts.some(({ Name }) => Name === name)),
    binds: whole.binds.filter(({ path }) =>
      mounts.some(({ Type, Source }) => Type === "bind" && isWithin(Source, path)),
    ),
    images: whole.images.filter(({ id }) => images.has(id)),
  };
}

/** Those that share the network of another container are made after it. */
function joining(container: EngineContainer | undefined): number {
  return container?.HostConfig.NetworkMode.startsWith("container:") === true ? 1 : 0;
}

/** What the engine showed of it. @throws SOURCES_DAMAGED */
export async function storedContainer(
  captured: CapturedTree,
  name: string,
  options: CallOptions,
): Promise<EngineContainer> {
  return storedJson(captured, CONTAINER, `${PLACES.containers}/${name}.json`, options);
}

/** The id of an image that the engine has; `undefined` when it does not have it. @param name also an id */
export async function presentImage(
  engine: EngineClient,
  name: string,
  options: CallOptions,
): Promise<string | undefined> {
  return (await engine.jsonIfThere(IMAGE, { path: ["images", name, "json"] }, options))?.Id;
}

async function storedJson<T>(
  captured: CapturedTree,
  schema: z.ZodType<T>,
  path: string,
  options: CallOptions,
): Promise<T> {
  const parts: Uint8Array[] = [];
  for await (const part of captured.read(path, options)) parts.push(part);
  try {
    return schema.parse(JSON.parse(Buffer.concat(parts).toString("utf8")));
  } catch (error) {
    throw sourcesError("SOURCES_DAMAGED", { what: path, reason: "it is not what the engine shows" }, error);
  }
}

interface Lines {
  readonly restored: string[];
  readonly remaining: string[];
}

/** @returns by the ids that the containers name, what the engine knows them by */
async function loadImages(
  { engine, captured, options }: RestoringParts,
  images: readonly StoredImage[],
  { restored, remaining }: Lines,
): Promise<Map<string, string>> {
  const present = new Map<string, string>();
  for (const { id, tags, digests, file } of images) {
    let found = await presentImage(engine, id, options);
    if (found === undefined && file !== undefined) {
      options.onStep(`loading image ${tags[0] ?? id}`);
      const upload = captured.read(`${PLACES.images}/${file}`, options);
      await engine.run({ path: ["images", "load"], query: { quiet: "true" }, upload }, options);
      found = await presentImage(engine, id, options);
      // An archive of the other format gives the same image another id.
      const [tag] = tags;
      if (found === undefined && tag !== undefined) {
        found = (await engine.json(IMAGE, { path: ["images", tag, "json"] }, options)).Id;
      }
      restored.push(`image ${tags[0] ?? id}`);
    }
    if (found !== undefined) present.set(id, found);
    else {
      const name = digests[0] ?? tags[0] ?? id;
      remaining.push(
        `Pull the image ${name} (log in to its registry first, if that is needed), and restore again with --set containers=NAME for the containers of it.`,
      );
    }
  }
  return present;
}

async function makeNetworks(
  { engine, captured, prefix, options }: RestoringParts,
  wanted: ReadonlySet<string>,
): Promise<string[]> {
  const stored = await storedJson(captured, NETWORKS, PLACES.networks, options);
  const there = new Set((await engine.json(NETWORKS, { path: ["networks"] }, options)).map(({ Name }) => Name));
  const made: string[] = [];
  for (const network of stored.filter(({ Name }) => wanted.has(Name) && !there.has(prefix + Name))) {
    const { Name, Driver, Internal, EnableIPv6, Attachable, IPAM, Options, Labels } = NETWORK.parse(network);
    const same = { Name: prefix + Name, Driver, Internal, EnableIPv6, Attachable, Options };
    // Beside the original its addresses would be the same.
    const body = prefix === "" ? { ...same, IPAM, Labels } : same;
    await engine.run({ path: ["networks", "create"], body }, options);
    made.push(`network ${prefix}${Name}`);
  }
  return made;
}

/** Folders of this machine that are not there; what is there stays as it is. */
async function putBinds({ captured, options }: RestoringParts, { binds }: DockerDetail, lines: Lines): Promise<void> {
  for (const { path } of binds) {
    const isThere = await lstat(path).then(
      () => true,
      (error: unknown) => {
        if (systemCode(error) === "ENOENT") return false;
        throw error;
      },
    );
    if (isThere) lines.remaining.push(`The bind mount ${path} was there, and was left as it is.`);
    else {
      options.onStep(`writing ${path}`);
      await putBack(captured, PLACES.binds, path, { signal: options.signal });
      lines.restored.push(`bind mount ${path}`);
    }
  }
}

async function makeContainer(
  { engine, prefix, options }: RestoringParts,
  inspected: EngineContainer,
  { stored, imageId, names }: { stored: StoredContainer; imageId: string; names: ReadonlyMap<string, string> },
): Promise<void> {
  // By the name that it had, as compose compares that, unless the name means another image by now.
  const image = (await presentImage(engine, stored.image, options)) === imageId ? stored.image : imageId;
  const there = new Set((await engine.json(NETWORKS, { path: ["networks"] }, options)).map(({ Name }) => Name));
  const { body, networks } = containerBody(inspected, {
    image,
    source: ({ Type, Name, Source }) => (Type === "volume" && Name !== undefined ? prefix + Name : Source),
    network: (name) => {
      const [kind, id = ""] = name.split(":");
      if (kind === "container") return `container:${prefix}${names.get(id) ?? id}`;
      return prefix !== "" && there.has(prefix + name) ? prefix + name : name;
    },
  });
  const query = { name: prefix + stored.name };
  const { Id } = await engine.json(CREATED, { method: "POST", path: ["containers", "create"], query, body }, options);
  for (const [network, EndpointConfig] of networks) {
    const connect = { Container: Id, EndpointConfig };
    await engine.run({ path: ["networks", network, "connect"], body: connect }, options);
  }
}
