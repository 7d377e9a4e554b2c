/** Where a day begins: the wall clock at an instant, by a snapshot's own offset or in a zone of the IANA. */
import { protectionError } from "../errors.ts";

/** What a clock on the wall shows. */
export interface LocalTime {
  /** The date, in days since 1 January 1970. */
  readonly days: number;
  /** 0 to 86,399: hours, minutes and seconds as shown. */
  readonly secondOfDay: number;
  /** The offset by which it is shown, in seconds east of UTC. */
  readonly offsetSeconds: number;
}

/** The zone of a policy. */
export interface Zone {
  /** The wall clock at an instant. @param ownOffset the offset of the snapshot's own time, in seconds east of UTC */
  localTime(timeNs: bigint, ownOffset: number): LocalTime;
  /**
   * The instant, in seconds since 1970, at which the clock shows this. Of two such instants it is the earlier one; for a
   * time of day that a clock put forward passes over it is the one by the later offset, which is earlier too.
   * @param fromNs the instant from which a duration was counted back to it
   */
  instantOf(local: LocalTime, fromNs: bigint): number;
}

const NS_PER_SECOND = 1_000_000_000n;
const DAY = 86_400;
/** Days from 1970 that Temporal knows, less some that an offset could use up. No zone has rules beyond. */
const MAX_DAYS = 99_999_990;

/**
 * The zone `snapshot` (each snapshot's own offset), or one of the IANA.
 * @param localZone the zone of this machine, for `snapshot`: restic counts durations back by it, changes of the clock
 * included, from a snapshot that has its offset (unless that is zero). Without it offsets never change
 * @throws PROTECTION_RETENTION_ZONE
 */
export function zoneOf(name: string, localZone?: string): Zone {
  if (name === "snapshot") return snapshotZone(localZone);
  requireZone(name);
  return {
    localTime: (timeNs) => atOffset(timeNs, offsetAt(timeNs, name)),
    instantOf: ({ days, secondOfDay, offsetSeconds }) => {
      const local = days * DAY + secondOfDay;
      if (Math.abs(days) > MAX_DAYS) return local - offsetSeconds;
      const shown = Temporal.Instant.fromEpochMilliseconds(local * 1000)
        .toZonedDateTimeISO("UTC")
        .toPlainDateTime();
      return shown.toZonedDateTime(name, { disambiguation: "earlier" }).epochMilliseconds / 1000;
    },
  };
}

function snapshotZone(localZone: string | undefined): Zone {
  if (localZone !== undefined) requireZone(localZone);
  return {
    localTime: atOffset,
    instantOf: ({ days, secondOfDay, offsetSeconds }, fromNs) => {
      const local = days * DAY + secondOfDay;
      const fixed = local - offsetSeconds;
      if (localZone === undefined || offsetSeconds === 0 || Math.abs(days) > MAX_DAYS) return fixed;
      if (offsetAt(fromNs, localZone) !== offsetSeconds) return fixed;
      // As Go does it, which near a change is neither always the earlier nor always the later instant.
      const offset = (seconds: number): number => offsetAt(BigInt(seconds) * NS_PER_SECOND, localZone);
      return local - offset(local - offset(local));
    },
  };
}

function requireZone(name: string): void {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
  } catch (cause) {
    throw protectionError("PROTECTION_RETENTION_ZONE", { zone: name }, cause);
  }
}

function offsetAt(timeNs: bigint, zone: string): number {
  return new Temporal.ZonedDateTime(timeNs, zone).offsetNanoseconds / 1e9;
}

function atOffset(timeNs: bigint, offsetSeconds: number): LocalTime {
  const local = floorSeconds(timeNs) + offsetSeconds;
  const days = Math.floor(local / DAY);
  return { days, secondOfDay: local - days * DAY, offsetSeconds };
}

/** Whole seconds since 1970, rounded down. */
function floorSeconds(timeNs: bigint): number {
  return Number((timeNs - fractionNs(timeNs)) / NS_PER_SECOND);
}

/** What `floorSeconds` leaves, in nanoseconds. */
export function fractionNs(timeNs: bigint): bigint {
  const rest = timeNs % NS_PER_SECOND;
  return rest < 0n ? rest + NS_PER_SECOND : rest;
}
