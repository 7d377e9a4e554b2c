/** Files for tests, named by their content. */
import { sampleFile } from "@holdfast/storage/testing";
import type { FileType } from "@holdfast/storage";
import type { Answer, TestServer } from "./test-server.ts";

/** Paths of the types in the protocol. */
export const FOLDERS: Readonly<Record<FileType, string>> = {
  config: "config",
  key: "keys",
  lock: "locks",
  snapshot: "snapshots",
  index: "index",
  pack: "data",
  forgotten: "holdfast/forgotten",
  hold: "holdfast/holds",
  evidence: "holdfast/evidence",
  retention: "holdfast/retention",
};

/** A file, and where it belongs in the repository `den`. */
export function sample(type: FileType, sizeBytes = 1000, seed = 0): { path: string; name: string; bytes: Uint8Array } {
  const { key, bytes } = sampleFile(type, sizeBytes, seed);
  return { path: `/den/${FOLDERS[type]}${key.name === "" ? "" : `/${key.name}`}`, name: key.name, bytes };
}

/** Stores a sample. */
export async function put(
  served: TestServer,
  client: string,
  type: FileType,
  sizeBytes = 1000,
  seed = 0,
): Promise<Answer> {
  const { path, bytes } = sample(type, sizeBytes, seed);
  return served.ask(client, "POST", path, { body: bytes });
}

/** The names that a client sees. */
export async function names(served: TestServer, client: string, type: FileType): Promise<string[]> {
  const { body } = await served.ask(client, "GET", `/den/${FOLDERS[type]}/`);
  return JSON.parse(body.toString()) as string[];
}

/** Makes the repository `den` with its config and a key, as `init` does. */
export async function makeDen(served: TestServer): Promise<void> {
  for (const [method, path, body] of [
    ["POST", "/den/?create=true", new Uint8Array(0)],
    ["POST", sample("key", 400, 99).path, sample("key", 400, 99).bytes],
    ["POST", "/den/config", sample("config", 155).bytes],
  ] as const) {
    const answer = await served.ask("append-only", method, path, { body });
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.body.toString()}`);
  }
}
