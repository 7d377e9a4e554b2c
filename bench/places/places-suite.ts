/** First backup, second backup, restore and check of one corpus, on places near and far. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "@holdfast/base";
import type { Corpus } from "../corpora.ts";
import { type Link, openLink } from "../link/link.ts";
import { type Command, measure } from "../measure.ts";
import { type RepositoryProgram, holdfast, restic } from "../programs.ts";
import type { Row } from "../report.ts";
import { Turns } from "../turns.ts";
import { azure, rest, restByRclone, s3, webdav } from "./http-places.ts";
import { local, rclone, sftp } from "./other-places.ts";
import type { Clients, Place, RunningPlace } from "./place.ts";

const PLACES: readonly Place[] = [local, sftp, rest, restByRclone, s3, rclone, webdav, azure];

/** What `--place` takes. */
export const PLACE_NAMES = PLACES.map(({ name }) => name);

export interface PlacesSetting {
  readonly places: readonly string[];
  /** Round trips, milliseconds. */
  readonly delays: readonly number[];
  /** What is worked on with this delay; made when it is first asked for. */
  readonly corpusFor: (delayMs: number) => Corpus;
  readonly runs: number;
  readonly folder: string;
  readonly without: readonly string[];
  /** A work that takes longer is ended, and reported as that. */
  readonly limitSeconds: number;
  /** Ends the suite, and the servers with it. */
  readonly signal: AbortSignal;
}

/** @returns rows, and what the report says of each place */
export async function placeRows(setting: PlacesSetting): Promise<{ rows: Row[]; notes: Corpus[] }> {
  // All servers keep their files here.
  process.env["TMPDIR"] = setting.folder;
  const rows: Row[] = [];
  const notes: Corpus[] = [];
  for (const place of PLACES.filter(({ name }) => setting.places.includes(name))) {
    const absent = place.absent();
    const description = absent === undefined ? place.description : `not measured, ${absent}`;
    notes.push({ name: place.name, path: "", description });
    if (absent !== undefined) process.stderr.write(`${place.name}: ${description}\n`);
    else for (const delay of setting.delays) rows.push(...(await rowsAt(place, delay, setting, notes)));
  }
  return { rows, notes };
}

async function rowsAt(place: Place, delayMs: number, setting: PlacesSetting, notes: Corpus[]): Promise<Row[]> {
  if (delayMs > 0 && !place.isDelayable) return [];
  const corpus = setting.corpusFor(delayMs);
  const link = await openLink(delayMs);
  if (delayMs > 0) notes.push({ name: `${delayMs} ms`, path: "", description: `there and back, by ${link.how}` });
  const turns = new Turns(`${place.name}, ${delayMs} ms, ${corpus.name}`);
  try {
    const running = await place.start();
    try {
      for (let run = 0; run < setting.runs; run++) await takeTurns({ running, link, corpus, turns, run }, setting);
    } finally {
      await running.stop();
    }
  } catch (error) {
    setting.signal.throwIfAborted();
    notes.push({ name: place.name, path: "", description: `${place.description}; ended by an error of the bench` });
    process.stderr.write(`${place.name}, ${delayMs} ms: ${messageOf(error)}\n`);
  } finally {
    await link.close();
  }
  return turns.rows();
}

interface Turn {
  readonly running: RunningPlace;
  readonly link: Link;
  readonly corpus: Corpus;
  readonly turns: Turns;
  readonly run: number;
}

async function takeTurns(turn: Turn, { folder, without, signal, limitSeconds }: PlacesSetting): Promise<void> {
  const { running, link, run } = turn;
  const reach = running.port === undefined ? undefined : await link.reach(running.port);
  for (const make of [
    (clients: Clients) => ({ program: holdfast(clients.holdfast.access), client: clients.holdfast }),
    (clients: Clients) => ({ program: restic(clients.restic.access), client: clients.restic }),
  ]) {
    const { program } = make(running.clients(reach, "unused"));
    if (program === undefined || without.includes(program.name)) continue;
    const { client } = make(running.clients(reach, `${program.name}-${run}`));
    const target = join(folder, "target");
    mkdirSync(target);
    try {
      await doWorks(turn, program, client.location, { target, signal, limitSeconds });
    } finally {
      rmSync(target, { recursive: true });
    }
  }
}

/** What cannot be done is reported, and so are the works that needed it; the other program has its turn all the same. */
async function doWorks(
  { link, corpus, turns }: Turn,
  program: RepositoryProgram,
  location: string,
  { target, signal, limitSeconds }: { target: string; signal: AbortSignal; limitSeconds: number },
): Promise<void> {
  const works: [string, Command][] = [
    ["first backup", program.backup(location, corpus.path)],
    ["second backup", program.backup(location, corpus.path)],
    ["restore", program.restore(location, target)],
    ["check, all data read", program.checkData(location)],
  ];
  let needed: string | undefined;
  try {
    await measure({ ...program.init(location), signal });
  } catch (error) {
    signal.throwIfAborted();
    needed = messageOf(error);
  }
  for (const [work, command] of works) {
    link.counts();
    const limit = AbortSignal.timeout(limitSeconds * 1000);
    try {
      if (needed !== undefined) throw new Error(`not tried: ${needed}`);
      turns.note(program, work, await measure({ ...command, signal: AbortSignal.any([signal, limit]) }));
      const counts = link.counts();
      if (counts !== undefined) process.stderr.write(`  ${counts.connections} connections, ${counts.turns} turns\n`);
    } catch (error) {
      signal.throwIfAborted();
      if (limit.aborted) turns.overrun(program, work, limitSeconds);
      else turns.fail(program, work, messageOf(error));
      if (work === "first backup") needed ??= "the first backup failed";
    }
  }
}
