/** Requests that change who gets into a repository. Few are honest: `init`, and whoever manages passwords. So each can be an alarm. */
import type { FileType } from "@holdfast/storage";

/** What was done to a key or a config, or was refused. A failure that is no refusal is none of these. */
export type KeyChange = "key-stored" | "key-removed" | "config-stored" | "config-removed" | "refused";

/** What became of a request; `undefined` when it was not about a key or a config, changed nothing, and was not refused. */
export function keyChangeOf(method: string, type: FileType | undefined, status: number): KeyChange | undefined {
  if (type !== "key" && type !== "config") return undefined;
  if (method !== "POST" && method !== "DELETE") return undefined;
  if (status === 403 || status === 412) return "refused";
  if (status !== 200) return undefined;
  return `${type}-${method === "POST" ? "stored" : "removed"}`;
}
