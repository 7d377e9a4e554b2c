/** The disks of a machine that does not run: qemu-nbd offers its images for reading, and refuses while a QEMU has them. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@holdfast/base";
import { z } from "zod";
import type { CallOptions, PreviousCapture, SourceWarning } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Programs } from "../../programs/programs.ts";
import { StartedServer } from "../../programs/started-server.ts";
import { bitmapSince } from "../choose-since.ts";
import { Closing } from "../closing.ts";
import type { Moment, MomentDisk } from "../moment.ts";
import { NbdConnection } from "../nbd/nbd-connection.ts";
import { ALLOCATION, dirtyBitmap } from "../nbd/protocol.ts";
import type { ImageSettings } from "../settings.ts";
import { changesSince } from "../stored-facts.ts";

const HOW = "Install the package qemu-utils.";

export interface StoppedOptions extends CallOptions {
  readonly source: string;
  readonly programs: Programs;
  readonly images: readonly ImageSettings[];
  /** For sockets. */
  readonly temporary: string;
  /** How long qemu-nbd may take to start. */
  readonly limitMs: number;
  readonly previous: () => Promise<PreviousCapture | undefined>;
  readonly onWarning: (warning: SourceWarning) => void;
}

const INFO = z.object({
  "virtual-size": z.number(),
  "format-specific": z
    .object({
      data: z.looseObject({ bitmaps: z.array(z.object({ name: z.string(), flags: z.array(z.string()) })).default([]) }),
    })
    .optional(),
});

/** @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_BUSY, SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED */
export async function stoppedMoment(options: StoppedOptions): Promise<Moment> {
  const { programs, images, temporary, signal } = options;
  for (const tool of ["qemu-nbd", "qemu-img"]) await programs.require(tool, HOW);
  for (const { path } of images) await requireImage(path, options.source);
  const previous = await options.previous();
  const ended = new AbortController();
  const reading = AbortSignal.any([signal, ended.signal]);
  const folder = await mkdtemp(join(temporary, "vm-"));
  const closing = new Closing();
  closing.add(() => rm(folder, { recursive: true, force: true }));
  try {
    const disks: MomentDisk[] = [];
    for (const [n, image] of images.entries()) {
      const socketPath = join(folder, `nbd${n}`);
      disks.push(await offer(options, { image, socketPath, previous, signal: reading, closing }));
    }
    // The first at the end: nobody reads on while all is taken away.
    closing.add(() => ended.abort(new Error("the capture has ended")));
    return {
      disks,
      files: [],
      atMs: Date.now(),
      frozen: undefined,
      tools: { "qemu-nbd": await versionOf(options) },
      machine: {},
      signal: reading,
      // As long as qemu-nbd has them, no QEMU can write to them.
      assertHeld: async () => {},
      close: () => closing.close(),
    };
  } catch (error) {
    await closing.close();
    throw error;
  }
}

interface Offering extends CallOptions {
  readonly image: ImageSettings;
  readonly socketPath: string;
  readonly previous: PreviousCapture | undefined;
  readonly closing: Closing;
}

async function offer(
  options: StoppedOptions,
  { image, socketPath, previous, signal, closing }: Offering,
): Promise<MomentDisk> {
  const { programs, source } = options;
  const { path, name, format } = image;
  const since = await sinceOf(options, image, previous);
  const args = ["--read-only", "--persistent", "--socket", socketPath, "--export-name", name, "--format", format];
  const bitmap = since === undefined ? [] : ["--bitmap", since];
  const server = await StartedServer.start(
    programs,
    {
      tool: "qemu-nbd",
      args: [...args, ...bitmap, path],
      how: HOW,
      log: `${socketPath}.log`,
      isReady: async () => (await stat(socketPath)).isSocket(),
      readyWithinMs: options.limitMs,
      setting: "freeze-time-limit",
    },
    { signal },
  ).catch((error: unknown) => {
    throw inUse(error, path, source);
  });
  closing.add(() => server.end());
  const contexts = [ALLOCATION, ...(since === undefined ? [] : [dirtyBitmap(since)])];
  const connection = await NbdConnection.open({ socketPath, source, exportName: name, contexts }, { signal });
  closing.add(() => connection.close());
  return {
    name,
    format,
    image: path,
    connection,
    // It goes on from where it was: what it has recorded holds for this capture too.
    bitmap: since,
    since: since === undefined || previous === undefined ? undefined : changesSince(previous, name, since),
  };
}

/** The bitmap in the image that a capture of the running machine has left there, where it still goes on. */
async function sinceOf(
  { programs, source, signal, onWarning }: StoppedOptions,
  { path, name, format }: ImageSettings,
  previous: PreviousCapture | undefined,
): Promise<string | undefined> {
  // No other format keeps bitmaps.
  if (format !== "qcow2") return bitmapSince({ name, image: path, sizeBytes: 0, bitmaps: [] }, previous, onWarning);
  const call = { tool: "qemu-img", args: ["info", "--output=json", "-f", format, path], how: HOW };
  const text = await programs.text(call, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw inUse(error, path, source);
  });
  const info = INFO.parse(JSON.parse(text));
  const bitmaps = (info["format-specific"]?.data.bitmaps ?? []).map((each) => ({
    name: each.name,
    recording: each.flags.includes("auto"),
    inconsistent: each.flags.includes("in-use"),
    busy: false,
  }));
  return bitmapSince({ name, image: path, sizeBytes: info["virtual-size"], bitmaps }, previous, onWarning);
}

async function requireImage(path: string, source: string): Promise<void> {
  try {
    await stat(path);
  } catch (error) {
    throw sourcesError("SOURCES_UNREACHABLE", { source, reason: messageOf(error) }, error);
  }
}

async function versionOf({ programs, signal }: StoppedOptions): Promise<string> {
  const text = await programs.text({ tool: "qemu-nbd", args: ["--version"], how: HOW }, { signal });
  return /\d+(\.\d+)+/.exec(text)?.[0] ?? "";
}

function inUse(error: unknown, path: string, source: string): unknown {
  const message = messageOf(error);
  if (!/Failed to get (shared|consistent read)|Failed to get .*lock|Is another process using the image/.test(message))
    return error;
  return sourcesError(
    "SOURCES_BUSY",
    { source, reason: `a QEMU runs on ${path}; capture it by its monitor (qmp)` },
    error,
  );
}
