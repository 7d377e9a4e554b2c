/** The calls of `file-calls.ts` for a thread that has nothing else to do: each is done when it returns, without a hop to the pool. */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { type FileCalls, systemCalls } from "./file-calls.ts";

export const blockingCalls: FileCalls = {
  ...systemCalls,
  open: async (path, flags, mode) => openSync(path, flags, mode),
  read: async (fd, into, offset, length, position) => readSync(fd, into, offset, length, position),
  write: async (fd, bytes, offset, length) => writeSync(fd, bytes, offset, length, null),
  fsync: async (fd) => fsyncSync(fd),
  fchmod: async (fd, mode) => fchmodSync(fd, mode),
  close: async (fd) => closeSync(fd),
  stat: async (path) => statSync(path),
  mkdir: async (path, mode) => {
    mkdirSync(path, { mode });
  },
  link: async (from, to) => linkSync(from, to),
  rename: async (from, to) => renameSync(from, to),
  unlink: async (path) => unlinkSync(path),
};
