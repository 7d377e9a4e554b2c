/** How much of a file that was made ahead, full of zeros, has been written. */
import { open } from "node:fs/promises";

const BLOCK_BYTES = 64 * 1024;

/** Up to the last byte that is not zero. @throws what opening and reading it throws */
export async function usedBytesOf(path: string): Promise<number> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(BLOCK_BYTES);
    for (let end = (await file.stat()).size; end > 0;) {
      const start = Math.max(0, end - BLOCK_BYTES);
      const { bytesRead } = await file.read(buffer, 0, end - start, start);
      for (let at = bytesRead - 1; at >= 0; at--) if (buffer[at] !== 0) return start + at + 1;
      end = start;
    }
    return 0;
  } finally {
    await file.close();
  }
}
