/** A server in a process of its own, as it was built, so that it can be killed and its memory be measured. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterTest } from "./test-server.ts";

const PROGRAM = fileURLToPath(new URL("../../cli/bin/holdfast.cjs", import.meta.url));

/** Starts one on a free port. `maxRssKib` tells the most memory that it has had so far. It ends with the test. */
export async function startProcess(
  root: string,
  clientsFile: string,
): Promise<{ child: ChildProcess; url: string; maxRssKib: () => Promise<number> }> {
  const args = ["serve", "repository", root, "--clients", clientsFile, "--listen", "127.0.0.1:0"];
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  afterTest(async () => void child.kill("SIGKILL"));
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    const url = / at (http:\S+)/.exec(line)?.[1];
    if (url === undefined) continue;
    child.stderr.resume();
    const maxRssKib = async (): Promise<number> => {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]);
    };
    return { child, url, maxRssKib };
  }
  throw new Error(`the server does not start: ${said.join("\n")}`);
}
