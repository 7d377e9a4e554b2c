/** A small tree with every kind of file and the metadata that is easily lost. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { has } from "./programs.ts";

/** Bytes that look random and are the same on every run. */
export function noise(bytes: number, seed: number): Buffer {
  const out = Buffer.alloc(bytes);
  let state = seed >>> 0 || 1;
  for (let at = 0; at + 4 <= bytes; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out.writeInt32LE(state | 0, at);
  }
  return out;
}

/** Fills a folder. As root also with devices and other owners. */
export function makeOddTree(root: string): void {
  const at = (...names: string[]): string => join(root, ...names);
  mkdirSync(at("folder", "deeper"), { recursive: true });
  mkdirSync(at("empty folder"));
  writeFileSync(at("empty"), "");
  writeFileSync(at("text"), "one line\n");
  writeFileSync(at("folder", "deeper", "same text"), "one line\n");
  writeFileSync(at('a "quoted" \\name'), "quotes\n");
  writeFileSync(at("<html>&amp;"), "angle brackets\n");
  writeFileSync(at("Grüße – 日本語 – 😀"), "beyond ASCII\n");
  writeFileSync(at("line\nbreak\ttab"), "control characters\n");
  writeFileSync(Buffer.concat([Buffer.from(`${root}/not utf8 `), Buffer.from([0xff, 0xfe, 0xe9])]), "bytes\n");
  writeFileSync(at("several chunks"), noise(5 * 1024 * 1024 + 123, 7));
  writeFileSync(at("one and a half"), Buffer.concat([noise(700_000, 8), Buffer.alloc(900_000)]));
  writeFileSync(at("setuid"), "#!/bin/sh\n");
  chmodSync(at("setuid"), 0o4755);
  chmodSync(at("folder"), 0o2751);
  mkdirSync(at("sticky"));
  chmodSync(at("sticky"), 0o1777);
  writeFileSync(at("unwritable"), "read only\n", { mode: 0o400 });
  linkSync(at("text"), at("folder", "hard link"));
  symlinkSync("text", at("link"));
  symlinkSync("/nowhere/at all", at("dangling"));
  makeSparse(at("sparse"));
  execFileSync("mkfifo", [at("pipe")]);
  if (has("setfattr")) execFileSync("setfattr", ["-n", "user.colour", "-v", "blue and\tgreen", at("text")]);
  if (has("setfacl")) execFileSync("setfacl", ["-m", "u:12345:rw,g:54321:r", at("several chunks")]);
  if (has("setfacl")) execFileSync("setfacl", ["-d", "-m", "u:12345:rwx", at("folder", "deeper")]);
  if (process.getuid?.() === 0) makeRootOnly(root);
  // Nanoseconds, and times before 1970 and after 2038.
  execFileSync("touch", ["-d", "2021-02-03 04:05:06.123456789", at("text")]);
  execFileSync("touch", ["-h", "-d", "2020-01-01 00:00:00.000000001", at("link")]);
  execFileSync("touch", ["-d", "1969-07-20 20:17:40.5", at("empty")]);
  execFileSync("touch", ["-d", "2100-01-01 00:00:00.25", at("empty folder")]);
}

/**
 * The tree with a link whose target is not UTF-8 as well. Since version 0.17 restic stores such a target with its bytes
 * besides, as Holdfast does; Debian's version loses it.
 */
export function makeOddestTree(root: string): void {
  makeOddTree(root);
  symlinkSync(Buffer.from([0x78, 0xff, 0x79]), join(root, "link to bytes"));
}

function makeSparse(path: string): void {
  const file = openSync(path, "w");
  ftruncateSync(file, 20 * 1024 * 1024);
  writeSync(file, "in the middle", 9 * 1024 * 1024);
  closeSync(file);
}

function makeRootOnly(root: string): void {
  execFileSync("mknod", [join(root, "block device"), "b", "7", "200"]);
  execFileSync("mknod", [join(root, "character device"), "c", "1", "3"]);
  chownSync(join(root, "folder", "deeper"), 12345, 54321);
  chownSync(join(root, "unwritable"), 33, 33);
}
