/** `holdfast hold add`: puts a hold in force. */
import { hostname } from "node:os";
import { type HoldSelector, type Id, type Repository, addHold, findFileId, isDate } from "@holdfast/engine";
import type { RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { countHeld } from "../forget/held-snapshots.ts";
import { holdJson } from "../forget/show-hold.ts";
import { type GivenOptions, invalidValue } from "../given-options.ts";
import { plural } from "../output/units.ts";
import { withSession } from "../repository-session.ts";
import { findWholeSnapshot, pathOptions, splitTags } from "../snapshot-choice.ts";
import { shortId } from "../snapshot-json.ts";
import { currentUser } from "../values/key-origin.ts";
import { parseTime, parseTimeEnd } from "../values/time.ts";

const REVIEW_DAYS = 90;
const TIME = "give a time such as 2026-11-01 or '2026-11-01 22:08'";

export const run: RunCommand = (context) => {
  const { options, output, args } = context;
  const criteria = criteriaOf(options);
  requireChoice(options, args, criteria);
  const reason = options.text("reason")?.trim() ?? "";
  if (reason === "") throw usage("say why, with --reason: whoever meets the hold in a year has to know");
  const owner = options.text("owner") ?? `${currentUser()}@${hostname()}`;
  const reviewOn = reviewDate(options);
  return withSession(context, (session) =>
    session.locked("append", async (signal) => {
      const { repository } = session;
      const ids = await snapshotIds(repository, args, signal);
      const selector = { ...criteria, ...(ids.length > 0 ? { ids } : {}) };
      const hold = await addHold(
        repository,
        { selector, reason, owner, reviewOn, createdAtMs: Date.now() },
        { signal },
      );
      const held = (await countHeld(repository, [hold], { signal })).get(hold.id) ?? 0;
      if (output.settings.json) output.printJson({ message_type: "hold_added", ...holdJson(hold, held) });
      else output.print(`hold ${shortId(hold.id)} is in force: it keeps ${plural(held, "snapshot")} now`);
      return EXIT.ok;
    }),
  );
};

/** Nothing must be held, or left out, by a slip. @throws CLI_USAGE, CLI_OPTIONS_CONFLICT */
function requireChoice(options: GivenOptions, names: readonly string[], criteria: HoldSelector): void {
  const isNarrowed = names.length > 0 || Object.keys(criteria).length > 0;
  if (!isNarrowed && !options.flag("all")) {
    throw usage("say what is to be held: snapshots, criteria such as --host, or --all");
  }
  if (isNarrowed && options.flag("all")) {
    const second = names.length > 0 ? "named snapshots" : "criteria";
    throw cliError("CLI_OPTIONS_CONFLICT", { first: "--all", second, reason: "all snapshots are held already" });
  }
}

function criteriaOf(options: GivenOptions): HoldSelector {
  const hosts = options.list("host");
  // A variable that was not set must not make a hold that keeps nothing.
  if (hosts.includes("")) throw invalidValue("", "--host", "give a host name");
  const paths = pathOptions(options);
  const tags = options.list("tag").map(splitTags);
  const fromNs = options.parsed("time-from", TIME, (text) => parseTime(text));
  const toNs = options.parsed("time-to", TIME, (text) => parseTimeEnd(text));
  if (fromNs !== undefined && toNs !== undefined && fromNs > toNs) {
    throw cliError("CLI_OPTIONS_CONFLICT", {
      first: "--time-from",
      second: "--time-to",
      reason: "nothing is after the one and before the other",
    });
  }
  return {
    ...(hosts.length > 0 ? { hosts } : {}),
    ...(paths.length > 0 ? { paths } : {}),
    ...(tags.length > 0 ? { tags } : {}),
    ...(fromNs === undefined ? {} : { fromNs }),
    ...(toNs === undefined ? {} : { toNs }),
  };
}

function reviewDate(options: GivenOptions): string {
  const isDay = (text: string): string | undefined => (isDate(text) ? text : undefined);
  const given = options.parsed("review", "give a day such as 2027-01-31", isDay);
  const today = Temporal.Now.plainDateISO();
  if (given !== undefined && given < today.toString()) {
    throw cliError("CLI_INVALID_VALUE", { value: given, option: "--review", expected: "it is over already" });
  }
  return given ?? today.add({ days: REVIEW_DAYS }).toString();
}

/** Of snapshots, also forgotten ones: a hold keeps their data too. */
async function snapshotIds(repository: Repository, names: readonly string[], signal: AbortSignal): Promise<Id[]> {
  const ids = new Set<Id>();
  for (const name of names) {
    const isOfLive = /^latest(~|$)|:/.test(name);
    const find = isOfLive
      ? findWholeSnapshot(repository, name, { signal }).then(({ id }) => id)
      : findFileId(repository, ["snapshot", "forgotten"], name, { signal });
    ids.add(await find);
  }
  return [...ids];
}

function usage(problem: string): Error {
  return cliError("CLI_USAGE", { problem, help: "holdfast hold add --help" });
}
