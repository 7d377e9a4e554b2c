/** A process that has started the copy of a container for a proof and watches it until it is killed: `hold-proof.ts JSON`. */
import { CONTAINER } from "../../src/docker/engine/answers.ts";
import { EngineClient } from "../../src/docker/engine/engine-client.ts";
import { dockerSettings } from "../../src/docker/settings.ts";
import { examineCopy } from "../../src/docker/started-copy.ts";
import { Programs } from "../../src/programs/programs.ts";

const { socket, name, temporary } = JSON.parse(process.argv[2] ?? "{}") as Record<
  "socket" | "name" | "temporary",
  string
>;
const { signal } = new AbortController();
const engine = await EngineClient.open({ socket, source: "x", limitMs: 60_000 }, { signal });
const inspected = await engine.json(CONTAINER, { path: ["containers", name, "json"] }, { signal });
const stored = {
  name,
  image: inspected.Config.Image,
  imageId: inspected.Image,
  wasRunning: true,
  rest: "none",
  consistency: "none",
} as const;
const settings = dockerSettings.parse({ proof: { "runs-for": "10m" } });
const undoing = { engine, programs: new Programs({ source: "x", environment: process.env }) };
await examineCopy({ undoing, inspected, stored, scratch: temporary, settings }, { signal });
