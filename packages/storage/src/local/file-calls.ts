/**
 * The calls to the operating system that a folder of files needs. Together in one object, so that tests can make any of them
 * fail as disks and network shares do.
 *
 * The callback functions of node:fs, as its FileHandle costs a fifth more CPU a call. All calls that may wait for a device run
 * on the thread pool; only these do not, as a hop to the pool costs 30 µs: `fstat` and `closeReader`, which touch no device on a
 * file that is open for reading, and the calls named `…Now`, which change the names and times of files that are known by then.
 */
import {
  type Stats,
  close,
  closeSync,
  fchmod,
  fstatSync,
  fsync,
  link,
  linkSync,
  lstatSync,
  mkdir,
  open,
  read,
  rename,
  renameSync,
  stat,
  statfsSync,
  unlink,
  unlinkSync,
  utimesSync,
  write,
} from "node:fs";

/** See `node:fs` for each; errors carry the system's code. */
export interface FileCalls {
  open(path: string, flags: number, mode?: number): Promise<number>;
  read(fd: number, into: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  write(fd: number, bytes: Uint8Array, offset: number, length: number): Promise<number>;
  fsync(fd: number): Promise<void>;
  fchmod(fd: number, mode: number): Promise<void>;
  close(fd: number): Promise<void>;
  fstat(fd: number): Stats;
  closeReader(fd: number): void;
  stat(path: string): Promise<Stats>;
  mkdir(path: string, mode: number): Promise<void>;
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Renames unless `to` is there, in one go as far as this process is concerned. Fails with `EEXIST`. */
  renameIfAbsent(from: string, to: string): void;
  unlink(path: string): Promise<void>;
  linkNow(from: string, to: string): void;
  unlinkNow(path: string): void;
  /** Sets the times of the last access and write to this moment. */
  renewTimeNow(path: string): void;
  /** `f_type` of statfs(2). */
  fileSystemType(path: string): number;
}

type Callback<T> = (error: Error | null, value: T) => void;

function call<T>(start: (callback: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value) : reject(error)));
  });
}

function callVoid(start: (callback: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // mkdir and some others hand over undefined rather than null.
    start((error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

/** The real ones. */
export const systemCalls: FileCalls = {
  open: (path, flags, mode) => call((done) => open(path, flags, mode, done)),
  read: (fd, into, offset, length, position) => call((done) => read(fd, into, offset, length, position, done)),
  write: (fd, bytes, offset, length) => call((done) => write(fd, bytes, offset, length, null, done)),
  fsync: (fd) => callVoid((done) => fsync(fd, done)),
  fchmod: (fd, mode) => callVoid((done) => fchmod(fd, mode, done)),
  close: (fd) => callVoid((done) => close(fd, done)),
  fstat: (fd) => fstatSync(fd),
  closeReader: (fd) => closeSync(fd),
  stat: (path) => call((done) => stat(path, done)),
  mkdir: (path, mode) => callVoid((done) => mkdir(path, { mode }, (error) => done(error))),
  link: (from, to) => callVoid((done) => link(from, to, done)),
  rename: (from, to) => callVoid((done) => rename(from, to, done)),
  renameIfAbsent(from, to) {
    if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) {
      throw Object.assign(new Error(`EEXIST: file already exists, rename '${from}' -> '${to}'`), { code: "EEXIST" });
    }
    renameSync(from, to);
  },
  unlink: (path) => callVoid((done) => unlink(path, done)),
  linkNow: (from, to) => linkSync(from, to),
  unlinkNow: (path) => unlinkSync(path),
  renewTimeNow(path) {
    const now = Date.now() / 1000;
    utimesSync(path, now, now);
  },
  fileSystemType: (path) => statfsSync(path).type,
};
