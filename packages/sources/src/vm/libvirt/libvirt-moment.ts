/**
 * The disks of a libvirt domain at one moment. What runs is captured by libvirt's own backup job (pull mode): libvirt keeps what the
 * guest overwrites, offers the disks over NBD, and marks the moment by a checkpoint. What does not run is read by its images.
 */
import { readFile, stat } from "node:fs/promises";
import { messageOf } from "@holdfast/base";
import type { CallOptions, CaptureDestination, PreviousCapture, SourceWarning } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Programs } from "../../programs/programs.ts";
import { chosenDisks } from "../chosen-disks.ts";
import { stoppedMoment } from "../image/stopped-moment.ts";
import type { MachineFile, Moment } from "../moment.ts";
import type { Line } from "../qmp/names.ts";
import { endLeftover } from "./backup-job.ts";
import { type Domain, readDomain } from "./domain-xml.ts";
import { LibvirtCapture } from "./libvirt-capture.ts";
import type { Virsh } from "./virsh.ts";

/** The variables of a firmware have some hundred kilobytes. */
const MAX_VARIABLES_BYTES = 64 * 1024 * 1024;

/** Names in a capture. */
export const DEFINITION_FILE = "domain.xml";
export const VARIABLES_FILE = "nvram.fd";

export interface LibvirtOptions extends CallOptions {
  readonly virsh: Virsh;
  readonly domain: string;
  readonly uri: string;
  readonly source: string;
  readonly programs: Programs;
  /** Whether the guest agent is asked to freeze. */
  readonly freezes: boolean;
  readonly freezeLimitMs: number;
  readonly scratch: string | undefined;
  readonly temporary: string;
  readonly excluded: readonly string[];
  readonly line: Omit<Line, "repository">;
  readonly destination: CaptureDestination | undefined;
  readonly onWarning: (warning: SourceWarning) => void;
}

/**
 * @throws SOURCES_TOOL_MISSING, SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_BUSY, SOURCES_SETTINGS, SOURCES_NO_ROOM,
 * SOURCES_UNSUPPORTED, SOURCES_TOOL_FAILED
 */
export async function libvirtMoment(options: LibvirtOptions): Promise<Moment> {
  const { virsh, domain, source, excluded, signal } = options;
  const state = (await virsh.run(["domstate", domain], { signal })).trim();
  const definition = await virsh.run(["dumpxml", domain, "--inactive", "--security-info"], { signal });
  const inactive = await readDomain(definition);
  const files = await machineFiles(definition, inactive, options);
  if (state === "shut off") return stopped(inactive, files, options);
  if (state !== "running" && state !== "paused") {
    throw sourcesError("SOURCES_BUSY", { source, reason: `its domain is in the state '${state}'` });
  }
  const running = await readDomain(await virsh.run(["dumpxml", domain], { signal }));
  await endLeftover(options, source, { signal });
  const disks = chosenDisks(running.disks, excluded, source);
  const previous = await options.destination?.previous();
  return new LibvirtCapture(options).begin({ ...running, disks }, files, previous);
}

async function machineFiles(
  definition: string,
  { variables }: Domain,
  { onWarning }: LibvirtOptions,
): Promise<MachineFile[]> {
  const files = [{ name: DEFINITION_FILE, bytes: Buffer.from(definition) }];
  if (variables === undefined) return files;
  try {
    if ((await stat(variables)).size > MAX_VARIABLES_BYTES) throw new Error("it is too large for what it should be");
    files.push({ name: VARIABLES_FILE, bytes: await readFile(variables) });
  } catch (error) {
    const message = `the variables of its firmware are not stored: ${messageOf(error)}`;
    onWarning({ code: "no-nvram", message });
  }
  return files;
}

async function stopped(domain: Domain, files: readonly MachineFile[], options: LibvirtOptions): Promise<Moment> {
  const { source, programs, temporary, destination, excluded, freezeLimitMs: limitMs, onWarning, signal } = options;
  const images = chosenDisks(domain.disks, excluded, source).map(({ name, format, path }) => {
    if (path !== undefined) return { name, format, path };
    const reason = `the disk ${name} is no file of this host, and its domain does not run`;
    throw sourcesError("SOURCES_UNSUPPORTED", { source, what: "capturing it", reason });
  });
  const previous = async (): Promise<PreviousCapture | undefined> => destination?.previous();
  const moment = await stoppedMoment({ source, programs, images, temporary, limitMs, previous, onWarning, signal });
  return { ...moment, files, machine: domain.shape };
}
