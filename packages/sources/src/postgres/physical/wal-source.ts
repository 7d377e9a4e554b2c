/** Takes the WAL from a server while it writes it. */
import { chown } from "node:fs/promises";
import type { JournalFollowing, JournalSource } from "../../contract/journal.ts";
import { Connection, connectionError } from "../connection.ts";
import type { MethodParts } from "../method.ts";
import { placeOf, timelineOf, walFileType } from "./wal-names.ts";

export function walSource({ settings, surroundings, source }: MethodParts): JournalSource {
  const { journal } = settings;
  return {
    keepsAll: journal.keep === "all",
    partialEveryMs: journal["partial-every"],
    keptInSpool,
    async follow({ spool, signal }: JournalFollowing): Promise<void> {
      const wanted = { source, needed: ["pg_receivewal"] as const };
      const connection = await Connection.open(
        settings,
        surroundings,
        { ...wanted, needed: ["pg_receivewal"] },
        { signal },
      );
      try {
        const { user } = connection.call;
        // Whoever the program runs as writes there.
        if (user !== undefined) await chown(spool, user.uid, user.gid);
        const slot = journal.slot === undefined ? [] : [`--slot=${journal.slot}`];
        if (slot.length > 0) {
          const make = connection.callOf("pg_receivewal", ["--create-slot", "--if-not-exists", ...slot]);
          await connection.programs.text(make, { signal });
        }
        const args = ["--directory", spool, "--no-loop", "--status-interval=2", ...slot];
        await connection.programs.text(connection.callOf("pg_receivewal", args), { signal });
      } catch (error) {
        signal.throwIfAborted();
        throw connectionError(error, source);
      } finally {
        await connection.close();
      }
    },
  };
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
