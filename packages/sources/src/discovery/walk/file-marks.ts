/** Which files are looked at more closely, by their names and sizes; and what their first bytes say. */

import { SQLITE_HEADER } from "../../sqlite/files.ts";

/** Bytes of a file that are read at most. */
export const HEADER_BYTES = 128;
const SQLITE_PAGE_BYTES = 512;
const SQLITE_LEAST_BYTES = 4096;
/** Where the header says how changes are written: 2 is the write-ahead log. */
const SQLITE_WRITE_VERSION_AT = 18;

const PEM_LEAST_BYTES = 64;
const PEM_MOST_BYTES = 1024 * 1024;
const IMAGE_LEAST_BYTES = 1024 * 1024;
const QCOW2_MAGIC = "QFI\xfb";

/** Files with these endings are no databases, however their size is. */
const OTHER_CONTENT: ReadonlySet<string> = new Set(
  [
    "jpg jpeg png gif webp heic svg ico bmp tif tiff raw psd mp3 ogg oga opus flac wav m4a mp4 mkv avi mov webm m4v",
    "zip gz tgz xz bz2 zst 7z rar tar jar war deb rpm whl pdf doc docx xls xlsx ppt pptx odt ods odp epub",
    "so a o ko dll exe bin elf pyc class wasm js ts css html htm json xml yaml yml toml md txt log csv tsv sql sh py pl rb go rs c h cc cpp hpp java php",
    "iso img qcow2 vmdk vdi vhd vhdx ova pack idx ttf otf woff woff2 mo po journal ibd frm myd myi cfs rdb aof wal",
  ].flatMap((line) => line.split(" ")),
);
const PEM_ENDINGS: ReadonlySet<string> = new Set(["pem", "crt", "cer", "key"]);
const IMAGE_ENDINGS: ReadonlySet<string> = new Set(["qcow2", "qcow", "vmdk", "vdi", "vhd", "vhdx", "img", "raw"]);
const COMPOSE_NAMES: ReadonlySet<string> = new Set([
  "compose.yaml",
  "compose.yml",
  "docker-compose.yaml",
  "docker-compose.yml",
]);

/** What a file may be; decided without reading it. */
export type Suspicion = "sqlite" | "pem" | "disk-image" | "compose";

/** @param name of a regular file of `bytes` bytes */
export function suspicionOf(name: string, bytes: number): Suspicion | undefined {
  const dot = name.lastIndexOf(".");
  const ending = dot <= 0 ? "" : name.slice(dot + 1);
  if (PEM_ENDINGS.has(ending) && bytes >= PEM_LEAST_BYTES && bytes <= PEM_MOST_BYTES) return "pem";
  if (IMAGE_ENDINGS.has(ending) && bytes >= IMAGE_LEAST_BYTES) return "disk-image";
  if (COMPOSE_NAMES.has(name)) return "compose";
  // A page has a power of two from 512 bytes on, so that most files are ruled out by their size.
  if (bytes < SQLITE_LEAST_BYTES || bytes % SQLITE_PAGE_BYTES !== 0) return undefined;
  return OTHER_CONTENT.has(ending.toLowerCase()) || name.endsWith("-wal") || name.endsWith("-shm")
    ? undefined
    : "sqlite";
}

/** What the first bytes confirm; `undefined` when it is something else. @param header up to `HEADER_BYTES` of it */
export function confirmed(
  suspicion: Suspicion,
  header: Uint8Array,
  name: string,
): { readonly detail: string } | undefined {
  const text = Buffer.from(header.buffer, header.byteOffset, header.byteLength).toString("latin1");
  switch (suspicion) {
    case "sqlite":
      if (!text.startsWith(SQLITE_HEADER)) return undefined;
      return { detail: header[SQLITE_WRITE_VERSION_AT] === 2 ? "write-ahead log" : "rollback journal" };
    case "pem":
      // Some begin with what the certificate says, in words.
      return text.includes("-----BEGIN ") || /^(Certificate:|Bag Attributes|subject[ =])/.test(text)
        ? { detail: "" }
        : undefined;
    case "disk-image":
      return imageFormat(text, name);
    case "compose":
      return { detail: "" };
  }
}

function imageFormat(text: string, name: string): { readonly detail: string } | undefined {
  if (text.startsWith(QCOW2_MAGIC)) return { detail: "qcow2" };
  if (text.startsWith("KDMV") || text.startsWith("# Disk DescriptorFile")) return { detail: "vmdk" };
  if (text.startsWith("<<< ") && text.includes("VirtualBox Disk Image")) return { detail: "vdi" };
  if (text.startsWith("vhdxfile")) return { detail: "vhdx" };
  if (text.startsWith("conectix")) return { detail: "vhd" };
  // A raw disk has no header of its own; its name is all there is to go by.
  return name.endsWith(".img") || name.endsWith(".raw") ? { detail: "raw" } : undefined;
}
