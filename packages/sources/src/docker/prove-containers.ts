/** Proves containers: restores their volumes aside, and starts copies on them, cut off from every network. */
import { opendir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions, ProofCheck, ProofReport, ProveOptions } from "../contract/source.ts";
import { type Seen, lookAt } from "../proofs/look-at.ts";
import { presentImage, storedContainer } from "./restore-containers.ts";
import type { DockerSettings } from "./settings.ts";
import { examineCopy } from "./started-copy.ts";
import { type DockerDetail, PLACES } from "./stored-facts.ts";
import type { UndoParts } from "./undo/undo-list.ts";

const BLOCK_BYTES = 512;
const MANIFEST = "manifest.json\0";

export interface ProvingParts {
  readonly captured: CapturedTree;
  readonly detail: DockerDetail;
  readonly settings: DockerSettings;
  /** `undefined`: there is no engine here, and why. */
  readonly starting: UndoParts | { readonly reason: string };
}

/** @throws as `Source.prove` */
export async function proveContainers(
  parts: ProvingParts,
  { scratch, signal, onStep }: ProveOptions,
): Promise<ProofReport> {
  const beganMs = performance.now();
  const { captured, detail, settings, starting } = parts;
  const checks: ProofCheck[] = [];
  onStep("restoring volumes and bind mounts aside");
  checks.push(
    await lookAt("configuration, volumes and bind mounts are restored, every byte read again", { signal }, async () => {
      await captured.extract(undefined, scratch, { signal });
      return everythingThere(detail, scratch);
    }),
  );
  for (const { id, tags, file } of detail.images) {
    if (file === undefined) continue;
    const look = (): Promise<Seen> => archiveNames(captured, `${PLACES.images}/${file}`, { signal });
    checks.push(await lookAt(`the archive of image ${tags[0] ?? id}`, { signal }, look));
  }
  if (checks.some(({ passed }) => !passed)) return { checks, usableAfterMs: undefined };
  const filesAfterMs = performance.now() - beganMs;
  if ("reason" in starting || !settings.proof.start) {
    const why = "reason" in starting ? starting.reason : "the setting proof.start says so";
    onStep(`no container is started: ${why}`);
    checks.push(notStarted(why));
    return { checks, usableAfterMs: filesAfterMs };
  }
  for (const container of detail.containers.filter(({ wasRunning }) => wasRunning)) {
    const { engine } = starting;
    if ((await presentImage(engine, container.imageId, { signal })) === undefined) {
      checks.push(notStarted(`its image ${container.image} is not here`, container.name));
      continue;
    }
    onStep(`starting a copy of container ${container.name}, without network`);
    const look = async (): Promise<Seen> => {
      const inspected = await storedContainer(captured, container.name, { signal });
      return examineCopy({ undoing: starting, inspected, stored: container, scratch, settings }, { signal });
    };
    checks.push(await lookAt(`a copy of container ${container.name}`, { signal }, look));
  }
  const isUsable = checks.every(({ passed }) => passed);
  return { checks, usableAfterMs: isUsable ? performance.now() - beganMs : undefined };
}

/** Not to have tried says nothing against the copy; that it was not tried must be seen. */
function notStarted(why: string, name?: string): ProofCheck {
  const what = name === undefined ? "containers: files only" : `container ${name}: files only`;
  return { name: what, passed: true, detail: `nothing was started: ${why}`, elapsedMs: 0 };
}

async function everythingThere(detail: DockerDetail, scratch: string): Promise<Seen> {
  const volumes = detail.volumes.filter(({ from }) => from !== undefined);
  const missing: string[] = [];
  let entries = 0;
  for (const { name } of volumes) {
    const count = await entriesBelow(join(scratch, PLACES.volumes, name, PLACES.data));
    if (count === undefined) missing.push(`volume ${name}`);
    else entries += count;
  }
  const configured = new Set(await readdir(join(scratch, PLACES.containers)).catch(() => []));
  for (const { name } of detail.containers) if (!configured.has(`${name}.json`)) missing.push(`container ${name}`);
  if (missing.length > 0) return { passed: false, detail: `missing: ${missing.join(", ")}` };
  const counts = `${detail.containers.length} containers, ${volumes.length} volumes with ${entries} entries`;
  return { passed: true, detail: `${counts}, ${detail.binds.length} bind mounts` };
}

/** How many there are, without keeping their names: a volume may have millions. `undefined`: there is no such folder. */
async function entriesBelow(folder: string): Promise<number | undefined> {
  const opened = await opendir(folder, { recursive: true }).catch(() => undefined);
  if (opened === undefined) return undefined;
  let count = 0;
  for await (const _ of opened) count++;
  return count;
}

/** An archive of an image has a manifest: its name stands at the beginning of a block of the tar. */
async function archiveNames(captured: CapturedTree, path: string, options: CallOptions): Promise<Seen> {
  let total = 0;
  let hasManifest = false;
  let block = Buffer.alloc(0);
  for await (const chunk of captured.read(path, options)) {
    total += chunk.length;
    block = Buffer.concat([block, chunk]);
    const whole = block.length - (block.length % BLOCK_BYTES);
    for (let at = 0; at < whole; at += BLOCK_BYTES) {
      hasManifest ||= block.toString("latin1", at, at + MANIFEST.length) === MANIFEST;
    }
    block = Buffer.from(block.subarray(whole));
  }
  return { passed: hasManifest, detail: `${total} bytes, ${hasManifest ? "with" : "without"} a manifest` };
}
