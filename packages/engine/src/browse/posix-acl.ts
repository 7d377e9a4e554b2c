/** Linux' stored form of a POSIX access control list as text (acl(5), posix_acl_xattr.h), for archives that carry text. */

const VERSION = 2;
const HEADER_BYTES = 4;
const ENTRY_BYTES = 8;
const TAGS: ReadonlyMap<number, { name: string; hasId: boolean }> = new Map([
  [0x01, { name: "user", hasId: false }],
  [0x02, { name: "user", hasId: true }],
  [0x04, { name: "group", hasId: false }],
  [0x08, { name: "group", hasId: true }],
  [0x10, { name: "mask", hasId: false }],
  [0x20, { name: "other", hasId: false }],
]);

/** One entry a line, users and groups by number. `undefined` when the bytes are no list in the form that Linux stores. */
export function aclText(value: Uint8Array): string | undefined {
  const entriesBytes = value.length - HEADER_BYTES;
  if (entriesBytes < 0 || entriesBytes % ENTRY_BYTES !== 0) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (view.getUint32(0, true) !== VERSION) return undefined;
  let text = "";
  for (let at = HEADER_BYTES; at < value.length; at += ENTRY_BYTES) {
    const tag = TAGS.get(view.getUint16(at, true));
    if (tag === undefined) return undefined;
    const bits = view.getUint16(at + 2, true);
    const rights = `${(bits & 4) !== 0 ? "r" : "-"}${(bits & 2) !== 0 ? "w" : "-"}${(bits & 1) !== 0 ? "x" : "-"}`;
    text += `${tag.name}:${tag.hasId ? view.getUint32(at + 4, true) : ""}:${rights}\n`;
  }
  return text;
}
