/**
 * Folders that a server does not find. The server here is simulated: it answers 404 to a list of a folder that is not there, as
 * restic's rest-server does, which Debian does not have; rclone and Holdfast's own server list it as empty.
 */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { parseHttpAddress } from "../http/http-address.ts";
import { PLAIN_SETTINGS } from "../http/http-settings.ts";
import { listAll } from "../testing/conformance-subject.ts";
import { RestBackend } from "./rest-backend.ts";

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function open({ config }: { config: boolean }): Promise<RestBackend> {
  const answer = ({ method, url }: IncomingMessage, response: ServerResponse): void => {
    const isThere = config && method === "HEAD" && url === "/den/config";
    response.writeHead(isThere ? 200 : 404, { "Content-Length": isThere ? "155" : "0" }).end();
  };
  server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const address = parseHttpAddress("rest", `http://127.0.0.1:${port}/den/`);
  return new RestBackend({ address, settings: PLAIN_SETTINGS });
}

test("a folder that is not found is empty where no repository was made yet", async () => {
  const backend = await open({ config: false });
  for (const type of ["key", "snapshot", "pack"] as const) expect(await listAll(backend, type)).toEqual([]);
});

test("a folder that is not found is an error where a repository is: it must not look as if it had no files", async () => {
  const backend = await open({ config: true });
  for (const type of ["key", "snapshot", "pack"] as const) {
    await expect(listAll(backend, type)).rejects.toMatchObject({ code: "STORAGE_NO_PLACE" });
  }
});
