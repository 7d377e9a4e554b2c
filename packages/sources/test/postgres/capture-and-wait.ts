/** Begins a capture and waits in its middle until it is ended: `node capture-and-wait.ts HOST PORT TEMPORARY`. */
import { postgresKind } from "../../src/postgres/postgres-kind.ts";

const [host = "", port, temporary = ""] = process.argv.slice(2);
const settings = postgresKind.settings.parse({ host, port: Number(port), user: "postgres", databases: ["shop"] });
const source = postgresKind.open("cluster", settings, {
  environment: process.env,
  hostname: "lab",
  temporary,
  secret: () => Promise.reject(new Error("there is none")),
});
const capture = await source.capture({ signal: new AbortController().signal, onWarning: () => {} });
for await (const entry of capture.entries) {
  if (entry.kind !== "file") continue;
  for await (const _ of entry.content) {
    if (!entry.path.endsWith("shop.dump")) continue;
    process.stdout.write("in the middle\n");
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  }
}
