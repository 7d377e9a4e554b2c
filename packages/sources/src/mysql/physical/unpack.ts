/** Makes a data folder of a physical capture: unpacks the stream, and prepares the files, after which a server can start on them. */
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { ProgramCall } from "../../programs/programs.ts";
import { explainFailure } from "../server/explain-failure.ts";
import { MARIADB_BACKUP, MBSTREAM } from "../server/flavour.ts";
import type { RunsAs, Tools } from "../server/tools.ts";
import { STREAM_FILE } from "./detail.ts";
import { XbstreamWatch, watched } from "./xbstream.ts";
import { messageOf } from "@holdfast/base";

interface Parts {
  readonly tools: Tools;
  /** Empty; belongs to `user`. */
  readonly folder: string;
  /** As whom, so that the files belong to it. */
  readonly user: RunsAs;
  readonly onStep: (step: string) => void;
}

/** @throws SOURCES_DAMAGED when the stream is not whole, SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED */
export async function unpackPhysical(
  captured: CapturedTree,
  { tools, folder, user, onStep }: Parts,
  { signal }: CallOptions,
): Promise<void> {
  const as = { folder: "/", ...(user === undefined ? {} : { user }) };
  const backup = await tools.path(MARIADB_BACKUP);
  const damaged = (error: unknown): Error =>
    sourcesError("SOURCES_DAMAGED", { what: STREAM_FILE, reason: messageOf(error) }, error);
  onStep(`unpacking to ${folder}`);
  const input = watched(captured.read(STREAM_FILE, { signal }), new XbstreamWatch(), damaged);
  const run = async (call: ProgramCall, fed?: AsyncIterable<Uint8Array>): Promise<void> => {
    try {
      await tools.programs.text(call, { signal, ...(fed === undefined ? {} : { input: fed }) });
    } catch (error) {
      throw explainFailure(error, tools.source);
    }
  };
  await run({ ...as, tool: await tools.path(MBSTREAM), args: ["--extract", `--directory=${folder}`] }, input);
  onStep("preparing the files");
  await run({ ...as, tool: backup, args: ["--no-defaults", "--prepare", `--target-dir=${folder}`] });
}
