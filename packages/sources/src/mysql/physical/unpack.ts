/** Makes a data folder of a physical capture: unpacks the stream, and prepares the files, after which a server can start on them. */
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
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
  await tools.programs.text(
    { ...as, tool: await tools.path(MBSTREAM), args: ["--extract", `--directory=${folder}`] },
    { signal, input },
  );
  onStep("preparing the files");
  await tools.programs.text(
    { ...as, tool: backup, args: ["--no-defaults", "--prepare", `--target-dir=${folder}`] },
    { signal },
  );
}
