/** `holdfast stats`: counts and measures what is stored. */
import {
  type CompressionStatistics,
  type Statistics,
  type StatisticsMode,
  loadIndex,
  statistics,
} from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { formatBytes, formatCount } from "../output/units.ts";
import { withSession } from "../repository-session.ts";
import { chosenSnapshots, snapshotFilter } from "../snapshot-choice.ts";

export const run: RunCommand = (context) =>
  withSession(context, (session) =>
    session.locked("look", async (signal) => {
      const { options, args } = context;
      const mode = (options.text("mode") ?? "restore-size") as StatisticsMode;
      const choice = { names: args, filter: snapshotFilter(options) };
      const snapshots = await chosenSnapshots(session.repository, choice, { signal });
      const index = await loadIndex(session.repository, { signal });
      report(await statistics(session.repository, index, snapshots, mode, { signal }), context);
      return EXIT.ok;
    }),
  );

type Row = readonly [name: string, value: string | undefined];

function report(result: Statistics, { output }: CommandContext): void {
  const { snapshots, totalBytes, files, blobs, compression } = result;
  if (output.settings.json) {
    output.printJson({
      total_size: totalBytes,
      total_uncompressed_size: compression?.uncompressedBytes,
      compression_ratio: compression?.ratio,
      compression_progress: compression?.progressPercent,
      compression_space_saving: compression?.savingPercent,
      total_file_count: files,
      total_blob_count: blobs,
      snapshots_count: snapshots,
    });
    return;
  }
  const rows: Row[] = [
    ["mode", result.mode],
    ["snapshots", formatCount(snapshots)],
    ["files", files === undefined ? undefined : formatCount(files)],
    ["blobs", blobs === undefined ? undefined : formatCount(blobs)],
    ["total size", formatBytes(totalBytes)],
    ...(compression === undefined ? [] : compressionRows(compression)),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) if (value !== undefined) output.print(`${`${name}:`.padEnd(width + 2)}${value}`);
}

function compressionRows({ uncompressedBytes, progressPercent, ratio, savingPercent }: CompressionStatistics): Row[] {
  return [
    ["uncompressed size", formatBytes(uncompressedBytes)],
    // What does not get smaller is stored as it is.
    ["compressed", `${progressPercent.toFixed(1)} % of the data, ${ratio.toFixed(2)} to 1`],
    ["saved", `${savingPercent.toFixed(1)} %`],
  ];
}
