/** A process that captures or proves containers until it is killed: `hold-capture.ts JSON`. */
import { dockerKind } from "../../src/docker/docker-kind.ts";

const { settings, temporary } = JSON.parse(process.argv[2] ?? "{}") as {
  settings: Record<string, unknown>;
  temporary: string;
};
const surroundings = {
  environment: process.env,
  hostname: "lab",
  temporary,
  secret: () => Promise.reject(new Error("there is none")),
};
const options = { signal: new AbortController().signal, onWarning: () => {} };
const capture = await dockerKind.open("shop", dockerKind.settings.parse(settings), surroundings).capture(options);
// The first real entry comes once everything stands still.
for await (const entry of capture.entries) if (entry.kind === "real") break;
process.stdout.write("holding\n");
setInterval(() => {}, 1000);
await new Promise(() => {});
