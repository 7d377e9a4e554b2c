/** Makes a restored machine known to libvirt. It is not started. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { WrittenImage } from "../restore-folder.ts";
import { changedDomain, readDomain } from "./domain-xml.ts";
import { DEFINITION_FILE, VARIABLES_FILE } from "./libvirt-moment.ts";
import type { Virsh } from "./virsh.ts";

export interface Defining extends CallOptions {
  readonly virsh: Virsh;
  readonly name: string;
  /** Where images and other files were written. */
  readonly folder: string;
  readonly images: readonly WrittenImage[];
  readonly files: readonly string[];
  readonly format: string;
}

/** @throws SOURCES_TARGET_RUNNING, SOURCES_TARGET_IN_USE when there is such a domain, and as `Virsh.run` */
export async function refusePresentDomain(virsh: Virsh, name: string, options: CallOptions): Promise<void> {
  // Nothing of libvirt's words is searched for: a list that has it not is certain.
  const names = async (which: string): Promise<string[]> =>
    (await virsh.run(["list", which, "--name"], options)).split("\n").map((line) => line.trim());
  const target = `the domain ${name}`;
  if ((await names("--state-running")).includes(name)) throw sourcesError("SOURCES_TARGET_RUNNING", { target });
  if ((await names("--all")).includes(name)) {
    const how = "Give the copy another one with --set name=NAME, or rename or undefine that domain first.";
    const by = "libvirt has a domain that is called so, and nothing was restored";
    throw sourcesError("SOURCES_TARGET_IN_USE", { target: `the name ${name}`, by, how });
  }
}

/** @returns what a person has to look at */
export async function defineDomain({
  virsh,
  name,
  folder,
  images,
  files,
  format,
  signal,
}: Defining): Promise<string[]> {
  const definition = await readFile(join(folder, DEFINITION_FILE), "utf8");
  const former = await readDomain(definition);
  const disks = new Map(images.map((image) => [image.name, image.path]));
  const variables = files.includes(VARIABLES_FILE) ? join(folder, VARIABLES_FILE) : undefined;
  const xml = await changedDomain(definition, { name, disks, format, variables });
  await virsh.withFiles(["define"], [xml], { signal });
  const absent = former.disks.map((disk) => disk.name).filter((each) => !disks.has(each));
  return [
    `Start it: virsh start ${name}`,
    ...(absent.length === 0
      ? []
      : [`It names disks that were not captured: ${absent.join(", ")}. Look at them first.`]),
    ...(name === former.name
      ? []
      : ["It has a UUID and MAC addresses of its own; what the guest ties to the former ones is to be changed there."]),
  ];
}

/** The name that the domain had. */
export async function capturedName(xml: AsyncIterable<Uint8Array>): Promise<string> {
  const parts = await Array.fromAsync(xml);
  return (await readDomain(Buffer.concat(parts).toString("utf8"))).name;
}
