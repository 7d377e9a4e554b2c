import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { processStart } from "./process-start.ts";

test("a process keeps its start, a later one has a later start, and one that is gone has none", async () => {
  const own = (await processStart(process.pid)) as number;
  expect(await processStart(process.pid)).toBe(own);
  // A name with a bracket and blanks in it, as the system shows it.
  const child = spawn("bash", ["-c", "printf 'a) b 1 2' > /proc/self/comm; echo ready; read -r _"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  expect(await processStart(child.pid as number)).toBeGreaterThanOrEqual(own);
  child.stdin.end();
  await once(child, "close");
  expect(await processStart(child.pid as number)).toBeUndefined();
});
