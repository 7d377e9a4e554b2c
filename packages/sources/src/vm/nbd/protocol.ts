/** Numbers of the NBD protocol (doc/proto.md of the project NetworkBlockDevice), as far as they are used here. */

export const MAGIC = 0x4e42444d41474943n;
export const OPTION_MAGIC = 0x49484156454f5054n;
export const OPTION_REPLY_MAGIC = 0x0003e889045565a9n;
export const REQUEST_MAGIC = 0x25609513;
export const SIMPLE_REPLY_MAGIC = 0x67446698;
export const STRUCTURED_REPLY_MAGIC = 0x668e33ef;

/** Of both sides: the fixed newstyle handshake, and no padding of zeros after it. */
export const FIXED_NEWSTYLE = 1;
export const NO_ZEROES = 2;

export const OPTION = { abort: 2, go: 7, structuredReply: 8, setMetaContext: 10 } as const;
export const REPLY = { ack: 1, info: 3, metaContext: 4, errorBit: 0x8000_0000 } as const;
export const INFO_EXPORT = 0;

export const COMMAND = { read: 0, disconnect: 2, blockStatus: 7 } as const;
export const CHUNK_DONE = 1;
export const CHUNK = { none: 0, data: 1, hole: 2, blockStatus: 5, errorBit: 0x8000 } as const;

/** The context of what is allocated: a set bit 1 means that a stretch reads as zeros. */
export const ALLOCATION = "base:allocation";
export const STATE_ZERO = 2;
/** The context of a bitmap of QEMU: a set bit 0 means dirty. */
export const dirtyBitmap = (name: string): string => `qemu:dirty-bitmap:${name}`;
export const STATE_DIRTY = 1;
