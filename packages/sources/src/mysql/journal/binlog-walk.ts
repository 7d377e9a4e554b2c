/**
 * Goes through a binary log event by event, as it comes. A file begins with four bytes; each event begins with a header of 19: its time
 * in seconds since 1970 (32 bits), its type (8), the server's id (32), its length with the header (32), where the next begins (32),
 * and flags (16); all little-endian.
 */

const MAGIC = Buffer.from([0xfe, 0x62, 0x69, 0x6e]);
const HEADER_BYTES = 19;
/** Of the events that we look into, none is larger. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Types of events. A group is a transaction, or one statement that is none. */
export const EVENT = {
  stop: 3,
  rotate: 4,
  format: 15,
  /** Each begins a group: MySQL with and without an id, MariaDB. */
  mysqlGtid: 33,
  mysqlAnonymous: 34,
  gtid: 162,
  /** At the beginning of each file of MariaDB: the last id of each domain and server before it. */
  gtidList: 163,
  encryption: 164,
} as const;

const LOOKED_INTO: ReadonlySet<number> = new Set([EVENT.format, EVENT.gtid, EVENT.gtidList]);

export interface BinlogEvent {
  readonly type: number;
  /** Seconds since 1970, by the server's clock. */
  readonly atS: number;
  readonly serverId: number;
  /** Where it begins in the file, and where it ends. */
  readonly start: number;
  readonly end: number;
  /** What follows its header, of types that can be read by the functions below; empty for others. */
  readonly body: Buffer;
}

/** An id of MariaDB: domain, server, sequence. */
export interface Gtid {
  readonly domain: number;
  readonly server: number;
  readonly sequence: bigint;
}

export class BinlogWalk {
  /** Where the last whole event ends. */
  end: number;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of an event that is not looked into, still to come. */
  #skip = 0;
  #pending: BinlogEvent | undefined;

  /** @param from where an event begins; 0 for the file's beginning */
  constructor(from = 0) {
    this.end = from;
  }

  /** Events that are whole with these bytes. @throws an Error when it is no binary log */
  push(bytes: Uint8Array): BinlogEvent[] {
    const events: BinlogEvent[] = [];
    let at = 0;
    while (at < bytes.length || this.#skip === 0) {
      if (this.#skip > 0) {
        const taken = Math.min(this.#skip, bytes.length - at);
        this.#skip -= taken;
        at += taken;
        if (this.#skip === 0) events.push(...this.#finish());
        continue;
      }
      const wanted = this.#wanted();
      if (this.#rest.length < wanted) {
        if (at >= bytes.length) break;
        const piece = bytes.subarray(at, at + wanted - this.#rest.length);
        this.#rest = Buffer.concat([this.#rest, piece]);
        at += piece.length;
        continue;
      }
      events.push(...this.#take());
    }
    return events;
  }

  /** How many bytes are needed to go on. */
  #wanted(): number {
    if (this.end === 0) return MAGIC.length;
    if (this.#rest.length < HEADER_BYTES) return HEADER_BYTES;
    const length = this.#length();
    return this.#isLookedInto(length) ? length : HEADER_BYTES;
  }

  #take(): BinlogEvent[] {
    if (this.end === 0) {
      if (!this.#rest.equals(MAGIC)) throw new Error("it does not begin as a binary log does");
      this.#rest = Buffer.alloc(0);
      this.end = MAGIC.length;
      return [];
    }
    const length = this.#length();
    const header = this.#rest;
    this.#pending = {
      atS: header.readUInt32LE(0),
      type: header[4] ?? 0,
      serverId: header.readUInt32LE(5),
      start: this.end,
      end: this.end + length,
      body: header.subarray(HEADER_BYTES),
    };
    this.#rest = Buffer.alloc(0);
    this.#skip = length - header.length;
    return this.#skip === 0 ? this.#finish() : [];
  }

  #finish(): BinlogEvent[] {
    const event = this.#pending;
    this.#pending = undefined;
    if (event === undefined) return [];
    this.end = event.end;
    return [event];
  }

  #length(): number {
    const length = this.#rest.readUInt32LE(9);
    if (length < HEADER_BYTES) throw new Error(`an event at ${this.end} has a length of ${length}`);
    return length;
  }

  #isLookedInto(length: number): boolean {
    return LOOKED_INTO.has(this.#rest[4] ?? 0) && length <= MAX_BODY_BYTES;
  }
}

/** Whether it begins a transaction, or a statement that is none. */
export function beginsGroup({ type }: BinlogEvent): boolean {
  return type === EVENT.gtid || type === EVENT.mysqlGtid || type === EVENT.mysqlAnonymous;
}

/** The id of a group of MariaDB; `undefined` for other events. */
export function gtidOf({ type, body, serverId }: BinlogEvent): Gtid | undefined {
  if (type !== EVENT.gtid || body.length < 12) return undefined;
  return { sequence: body.readBigUInt64LE(0), domain: body.readUInt32LE(8), server: serverId };
}

/** The newest id of each domain before a file of MariaDB; `undefined` for other events. */
export function gtidListOf({ type, body }: BinlogEvent): readonly Gtid[] | undefined {
  if (type !== EVENT.gtidList || body.length < 4) return undefined;
  const count = body.readUInt32LE(0) & 0x0fff_ffff;
  const list: Gtid[] = [];
  for (let at = 4; list.length < count && at + 16 <= body.length; at += 16) {
    list.push({
      domain: body.readUInt32LE(at),
      server: body.readUInt32LE(at + 4),
      sequence: body.readBigUInt64LE(at + 8),
    });
  }
  return list;
}

/** Reads `0-1-23`, or several of them with commas; the newest of each domain counts. `undefined` when it is none. */
export function parseGtids(text: string): ReadonlyMap<number, bigint> | undefined {
  const newest = new Map<number, bigint>();
  for (const each of text.split(",").map((part) => part.trim())) {
    const [, domain, , sequence] = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/.exec(each) ?? [];
    if (domain === undefined || sequence === undefined) return undefined;
    noteNewest(newest, Number(domain), BigInt(sequence));
  }
  return newest;
}

export function noteNewest(newest: Map<number, bigint>, domain: number, sequence: bigint): void {
  if ((newest.get(domain) ?? -1n) < sequence) newest.set(domain, sequence);
}
