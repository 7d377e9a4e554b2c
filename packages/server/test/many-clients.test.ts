/** Fifty clients at once, each with a login and a repository of its own, on one server in a process of its own. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { hashToken } from "../src/repository-server/client-secrets.ts";
import { type Client, writeClients } from "../src/repository-server/clients-file.ts";
import { FOLDERS, sample } from "./sample.ts";
import { startProcess } from "./server-process.ts";
import { type Answer, type AskOptions, askUrl, scratch, tokenOf } from "./test-server.ts";

const CLIENTS = 50;
/** Some go through memory as a whole, some in blocks. Together they are more than the server may hold. */
const SIZES = [8 * 1024 * 1024 + 7, 1024 * 1024, 4096] as const;
const MOST_GROWTH_MIB = 380;

function clientOf(at: number): Client {
  const name = `machine${at}`;
  return { name, role: "maintenance", repositories: [name], tokenHashes: [hashToken(tokenOf(name))] };
}

test("fifty clients at once: each gets what it stored, none starves, and memory is bounded", async () => {
  const root = await scratch();
  const clients = Array.from({ length: CLIENTS }, (_, at) => clientOf(at));
  const clientsFile = join(await scratch(), "clients.json");
  await writeClients(clientsFile, clients);
  const { url, maxRssKib } = await startProcess(root, clientsFile);
  const before = await maxRssKib();

  const answered = clients.map(() => 0);
  let progressAtHalf: readonly number[] | undefined;
  const requestsOfClient = 2 + SIZES.length * 3 + 3;
  const half = (CLIENTS * requestsOfClient) / 2;

  const work = async ({ name }: Client, at: number): Promise<void> => {
    const ask = async (method: string, path: string, options?: AskOptions): Promise<Answer> => {
      const answer = await askUrl(url, name, method, path.replace("/den/", `/${name}/`), options);
      answered[at] = (answered[at] ?? 0) + 1;
      if (progressAtHalf === undefined && answered.reduce((sum, count) => sum + count) >= half) {
        progressAtHalf = [...answered];
      }
      return answer;
    };
    expect((await ask("POST", "/den/?create=true", { body: new Uint8Array(0) })).status).toBe(200);
    const packs = SIZES.map((size, index) => sample("pack", size, 100 * at + index));
    for (const { path, bytes } of packs) expect((await ask("POST", path, { body: bytes })).status).toBe(200);
    for (const { path, bytes } of packs) {
      const { status, body } = await ask("GET", path);
      expect([status, Buffer.compare(body, bytes)]).toEqual([200, 0]);
    }
    const snapshot = sample("snapshot", 300, at);
    expect((await ask("POST", snapshot.path, { body: snapshot.bytes })).status).toBe(200);
    const listed = JSON.parse((await ask("GET", `/den/${FOLDERS.pack}/`)).body.toString()) as string[];
    expect(listed.toSorted()).toEqual(packs.map((pack) => pack.name).toSorted());
    const others = `/machine${(at + 1) % CLIENTS}/${FOLDERS.pack}/`;
    expect((await ask("GET", others)).status).toBe(403);
    for (const { path } of packs) expect((await ask("DELETE", path)).status).toBe(200);
    expect((await ask("GET", `/den/${FOLDERS.pack}/`)).body.toString()).toBe("[]");
  };
  await Promise.all(clients.map(work));

  expect(answered).toEqual(clients.map(() => requestsOfClient));
  expect(Math.min(...(progressAtHalf ?? [0]))).toBeGreaterThan(0);
  const grownMib = ((await maxRssKib()) - before) / 1024;
  console.log(`${CLIENTS} clients: memory grew by ${grownMib.toFixed(0)} MiB`);
  expect(grownMib).toBeLessThan(MOST_GROWTH_MIB);
}, 240_000);
