/** Names in a folder that a power failure must not take back. */
import { open } from "node:fs/promises";

export async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
