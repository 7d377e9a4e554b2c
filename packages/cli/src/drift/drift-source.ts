/** `holdfast drift`: what changed on a system between two of its snapshots, or since one. */
import { hostname } from "node:os";
import { type StoredSnapshot, displayPath, findSnapshot, listSnapshots, withIndexBeside } from "@holdfast/engine";
import type { OpenedSource } from "@holdfast/protection/configured";
import { compareReports, openCaptured, readReport, reportInCapture } from "@holdfast/sources";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { safeText } from "../output/safe-text.ts";
import { formatLocalTime } from "../output/units.ts";
import { type Session, withSession } from "../repository-session.ts";
import { shortId } from "../snapshot-json.ts";
import type { MeantSources } from "../sources/meant-sources.ts";
import { repositoriesOf } from "../sources/source-repositories.ts";
import { sourceRun } from "../sources/source-run.ts";
import { type DriftSide, showDrift } from "./show.ts";

type Report = Awaited<ReturnType<typeof readReport>>;

/** @returns the exit code, which says whether anything has changed @throws CLI_USAGE, CLI_NO_CAPTURE, CLI_ONE_CAPTURE */
export async function driftSource(context: CommandContext, { configuration, sources }: MeantSources): Promise<number> {
  const { options, output, args } = context;
  const usage = (problem: string): Error => cliError("CLI_USAGE", { problem, help: "holdfast help drift" });
  const [source] = sources;
  if (source === undefined || args.length !== 1) throw usage("name one source");
  if (source.kind !== "system") throw usage(`${source.name} is of kind ${source.kind}, and only a system has a report`);
  if (options.flag("live") && options.text("to") !== undefined) throw usage("--to and --live exclude each other");
  const { withSource } = await import("@holdfast/protection/configured");
  const host = options.text("host") ?? hostname();
  const [repository] = await repositoriesOf(context, configuration, source);
  if (repository === undefined) throw cliError("CLI_SOURCE_NOWHERE", { name: source.name });
  return withSource(configuration, source, sourceRun(context, host), (opened) =>
    withSession(repository, (session) =>
      session.locked("look", async (signal) => {
        const found = await findSides(context, session, opened, { host, signal });
        const to = found.to ?? (await now(context, opened, signal));
        output.message(`from ${named(found.from)} to ${named(to)}`);
        const topics = compareReports(found.from.report, to.report);
        showDrift({ source: source.name, from: found.from, to, topics }, output);
        return topics.length === 0 ? EXIT.ok : EXIT.drifted;
      }),
    ),
  );
}

type Side = DriftSide & { readonly report: Report };

function named({ snapshotId, time }: Side): string {
  const at = formatLocalTime(BigInt(Date.parse(time)) * 1_000_000n);
  return snapshotId === undefined ? `the system as it is now, ${at}` : `snapshot ${shortId(snapshotId)} of ${at}`;
}

/** What the options name; otherwise the newest, and the one before it. */
async function findSides(
  { options }: CommandContext,
  { repository }: Session,
  { name, kind }: Pick<OpenedSource, "name" | "kind">,
  { host, signal }: { host: string; signal: AbortSignal },
): Promise<{ from: Side; to: Side | undefined }> {
  const filter = { hosts: [host], tags: [[`source:${name}`, `kind:${kind.kind}`]] };
  const { found, index } = await withIndexBeside(
    repository,
    async (onListed, both) => {
      const listed = await listSnapshots(repository, { signal: both, onListed, filter });
      const byId = async (id: string): Promise<StoredSnapshot> =>
        (await findSnapshot(repository, id, { signal: both, filter })).stored;
      const toId = options.text("to");
      const newest = toId === undefined ? listed.at(-1) : await byId(toId);
      const fromId = options.text("from");
      if (fromId !== undefined) return { from: await byId(fromId), to: newest };
      if (options.flag("live")) return { from: newest, to: newest };
      return {
        from: listed.filter(({ snapshot }) => newest !== undefined && snapshot.timeNs < newest.snapshot.timeNs).at(-1),
        to: newest,
      };
    },
    { signal },
  );
  const location = displayPath(repository.backend.location);
  if (found.to === undefined) throw cliError("CLI_NO_CAPTURE", { name, location });
  if (found.from === undefined) throw cliError("CLI_ONE_CAPTURE", { name, location });
  const sideOf = async ({ id, snapshot }: StoredSnapshot): Promise<Side> => {
    const tree = await openCaptured({ repository, index, snapshot }, { signal });
    return { snapshotId: id, time: tree.facts.consistentAt, report: await readReport(tree, { signal }) };
  };
  return { from: await sideOf(found.from), to: options.flag("live") ? undefined : await sideOf(found.to) };
}

async function now({ output }: CommandContext, { name, source }: OpenedSource, signal: AbortSignal): Promise<Side> {
  const time = new Date().toISOString();
  const capture = await source.capture({
    signal,
    onWarning: ({ message }) => output.warn(safeText(message), { during: "drift", item: name }),
  });
  try {
    return { snapshotId: undefined, time, report: await reportInCapture(capture) };
  } finally {
    await capture.close();
  }
}
