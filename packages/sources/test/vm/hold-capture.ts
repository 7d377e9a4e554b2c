/** A process that captures a machine, or freezes it, and then waits until it is killed: `hold-capture.ts JSON`. */
import { Programs } from "../../src/programs/programs.ts";
import { whileFrozen } from "../../src/vm/agent/guest-agent.ts";
import { undoneIfKilled } from "../../src/vm/undo/undone-if-killed.ts";
import { vmKind } from "../../src/vm/vm-kind.ts";

const task = JSON.parse(process.argv[2] ?? "{}") as {
  settings?: Record<string, unknown>;
  freeze?: { source: string; path: string; limitMs: number };
  temporary: string;
};
const signal = new AbortController().signal;
const hold = (): Promise<never> => {
  process.stdout.write("holding\n");
  setInterval(() => {}, 1000);
  return new Promise(() => {});
};
if (task.freeze === undefined) {
  const surroundings = {
    environment: process.env,
    hostname: "lab",
    temporary: task.temporary,
    secret: () => Promise.reject(new Error("there is none")),
  };
  await vmKind.open("web", vmKind.settings.parse(task.settings), surroundings).capture({ signal, onWarning: () => {} });
  await hold();
} else {
  const programs = new Programs({ source: "x", environment: process.env });
  undoneIfKilled(programs, { agent: task.freeze, folder: `${task.temporary}/nothing` });
  await whileFrozen(task.freeze, hold, { signal });
}
