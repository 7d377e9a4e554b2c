/** The version of the program, from its package.json, which lies beside both the source and the build. */
import { readFileSync } from "node:fs";

/** Such as `0.1.0`. */
export function programVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
