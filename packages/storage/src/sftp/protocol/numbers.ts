/** Numbers of the SSH File Transfer Protocol, version 3 (draft-ietf-secsh-filexfer-02), which every server speaks. */

/** Types of packets that the client sends. */
export const REQUEST = {
  INIT: 1,
  OPEN: 3,
  CLOSE: 4,
  READ: 5,
  WRITE: 6,
  FSTAT: 8,
  FSETSTAT: 10,
  OPENDIR: 11,
  READDIR: 12,
  REMOVE: 13,
  MKDIR: 14,
  STAT: 17,
  RENAME: 18,
  EXTENDED: 200,
} as const;

/** Types of packets that the server sends. */
export const REPLY = {
  VERSION: 2,
  STATUS: 101,
  HANDLE: 102,
  DATA: 103,
  NAME: 104,
  ATTRIBUTES: 105,
  EXTENDED: 201,
} as const;

/** What a STATUS says. Servers have no more than these: a full disk, a file that exists, a broken disk are all `FAILURE`. */
export const STATUS = {
  OK: 0,
  END_OF_FILE: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  NO_CONNECTION: 6,
  CONNECTION_LOST: 7,
  UNSUPPORTED: 8,
} as const;

/** How a file is opened. */
export const OPEN = { READ: 1, WRITE: 2, CREATE: 8, EXCLUSIVE: 32 } as const;

/** Which attributes follow. */
export const ATTRIBUTE = { SIZE: 1, OWNER: 2, PERMISSIONS: 4, TIMES: 8, EXTENDED: 0x80000000 } as const;
