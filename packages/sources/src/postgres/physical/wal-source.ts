/** Takes the WAL from a server while it writes it. */
import { chown } from "node:fs/promises";
import { isHoldfastError } from "@holdfast/base";
import type { JournalFollowing, JournalSource } from "../../contract/journal.ts";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { Connection, connectionError } from "../connection.ts";
import type { MethodParts } from "../method.ts";
import { literal } from "../sql-text.ts";
import { settlePartialSegments } from "./partial-segments.ts";
import { placeOf, timelineOf, walFileType } from "./wal-names.ts";

export function walSource({ settings, surroundings, source }: MethodParts): JournalSource {
  const { journal } = settings;
  return {
    keepsAll: journal.keep === "all",
    partialEveryMs: journal["partial-every"],
    keptInSpool,
    async follow({ spool, signal, onFollowing }: JournalFollowing): Promise<void> {
      const wanted = { source, needed: ["pg_receivewal"] as const };
      const connection = await Connection.open(settings, surroundings, wanted, { signal });
      try {
        const { user } = connection.call;
        // Whoever the program runs as writes there.
        if (user !== undefined) await chown(spool, user.uid, user.gid);
        await settlePartialSegments(spool);
        const slot = journal.slot === undefined ? [] : [`--slot=${journal.slot}`];
        if (journal.slot !== undefined) {
          const isLost = await dropLostSlot(connection, settings.database, journal.slot, { signal });
          const make = connection.callOf("pg_receivewal", ["--create-slot", "--if-not-exists", ...slot]);
          await connection.programs.text(make, { signal });
          if (isLost) {
            const reason = `it has given up the slot ${journal.slot}, as more had to wait than max_slot_wal_keep_size allows; there is a new one`;
            throw sourcesError("SOURCES_JOURNAL_REMOVED", { source, reason });
          }
        }
        const args = ["--directory", spool, "--no-loop", "--status-interval=2", ...slot];
        onFollowing?.();
        await connection.programs.text(connection.callOf("pg_receivewal", args), { signal });
      } catch (error) {
        signal.throwIfAborted();
        throw followError(error, source);
      } finally {
        await connection.close();
      }
    },
  };
}

/** A slot that the server has given up keeps nothing, and never will again. @returns whether there was one */
async function dropLostSlot(
  connection: Connection,
  database: string,
  slot: string,
  options: CallOptions,
): Promise<boolean> {
  if (connection.server.major < 13) return false;
  const query = `SELECT pg_catalog.pg_drop_replication_slot(slot_name)::text AS dropped FROM pg_catalog.pg_replication_slots
    WHERE slot_name = ${literal(slot)} AND slot_type = 'physical' AND NOT active AND wal_status = 'lost'`;
  return (await connection.psql.rows(database, query, options)).length > 0;
}

function followError(error: unknown, source: string): unknown {
  const reason = isHoldfastError(error, "SOURCES_TOOL_FAILED") ? String(error.details["reason"]) : "";
  if (!/requested WAL segment .* has already been removed/.test(reason)) return connectionError(error, source);
  return sourcesError("SOURCES_JOURNAL_REMOVED", { source, reason }, error);
}

/** The server is asked to go on after the newest segment that lies there; without one it would begin with what it writes now. */
function keptInSpool(names: readonly string[]): readonly string[] {
  const segments = names.filter((name) => walFileType(name) === "segment");
  const newest = segments.reduce<string | undefined>(
    (last, name) => (last === undefined || isLater(name, last) ? name : last),
    undefined,
  );
  const histories = names.filter((name) => walFileType(name) === "history");
  return newest === undefined ? histories : [...histories, newest];
}

function isLater(name: string, other: string): boolean {
  if (timelineOf(name) !== timelineOf(other)) return timelineOf(name) > timelineOf(other);
  return placeOf(name) > placeOf(other);
}
