/** WebDAV against two servers that differ: rclone's, which is lenient, and Apache's, which is strict. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Secret } from "@holdfast/base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../backend.ts";
import { bytesSource } from "../bytes-source.ts";
import { basicAuthorization, parseHttpAddress } from "../http/http-address.ts";
import { PLAIN_SETTINGS } from "../http/http-settings.ts";
import { NO_SURROUNDINGS, openBackend } from "../location.ts";
import { backendConformance } from "../testing/conformance.ts";
import { fillUp } from "../testing/full-disk.ts";
import { networkConformance, patienceOf } from "../testing/network-conformance.ts";
import { sampleFile } from "../testing/sample-files.ts";
import { type RunningServer, hasProgram, startServer } from "../testing/server-program.ts";
import { mayMount } from "../testing/small-disk.ts";
import { DAV_APACHE, DAV_PASSWORD, DAV_RCLONE, DAV_USER } from "../testing/webdav-servers.ts";
import { WebdavBackend } from "./webdav-backend.ts";

const signal = new AbortController().signal;

describe.for([
  { name: "rclone serve webdav", server: DAV_RCLONE },
  { name: "Apache", server: DAV_APACHE },
])("with $name", ({ server: program, name }) => {
  describe.skipIf(!hasProgram(program.program))("as a server", () => {
    let server: RunningServer;
    let places = 0;

    beforeAll(async () => {
      server = await startServer(program);
    });
    afterAll(() => server.stop());

    const open = (place: string, login = `${DAV_USER}:${encodeURIComponent(DAV_PASSWORD)}@`): Promise<Backend> =>
      openBackend(`webdav:http://${login}127.0.0.1:${server.port}/${place}`, NO_SURROUNDINGS);

    backendConformance(
      `WebdavBackend (${name})`,
      async () => {
        const place = `above/place ${places++}`;
        return {
          backend: await open(place),
          folder: join(server.folder, "data", place),
          async plantForeign(path) {
            const full = join(server.folder, "data", place, path);
            await mkdir(dirname(full), { recursive: true });
            await chmod(dirname(full), 0o777);
            await writeFile(full, "foreign");
          },
        };
      },
      { manyFiles: name === "Apache" ? 100_000 : 10_000 },
    );

    networkConformance(`WebdavBackend (${name})`, async () => ({
      port: server.port,
      open: async (place, at) =>
        new WebdavBackend({
          address: parseHttpAddress("webdav", `http://${at.host}:${at.port}/network/${place}/`),
          settings: PLAIN_SETTINGS,
          authorization: basicAuthorization({ user: DAV_USER, password: new Secret(DAV_PASSWORD) }),
          ...patienceOf(at.patienceMs),
        }),
    }));

    test.skipIf(!mayMount)("a disk that is full leaves nothing half, and is named by servers that say so", async () => {
      const code = await fillUp(join(server.folder, "data", "small"), () => open("small"));
      // RFC 4918 has a status for it; rclone says no more than that something went wrong.
      expect(code).toBe(name === "Apache" ? "STORAGE_FULL" : "STORAGE_FAILED");
    });

    test("a folder that is not there is never made by saving, and lists as an error", async () => {
      const backend = await open("not/mounted");
      const { key, bytes } = sampleFile("pack", 100);
      await expect(backend.save(key, bytesSource(bytes), { signal })).rejects.toMatchObject({
        code: "STORAGE_NO_PLACE",
      });
      await expect(Array.fromAsync(backend.list("pack", { signal }))).rejects.toMatchObject({
        code: "STORAGE_NO_PLACE",
      });
      expect(await backend.stat({ type: "config", name: "" }, { signal })).toBeUndefined();
      await backend.close();
    });

    test.each([
      ["anna:wrong@", "STORAGE_CREDENTIALS_REFUSED"],
      ["", "STORAGE_NO_CREDENTIALS"],
    ])("who logs in as '%s' gets %s, at once", async (login, code) => {
      const backend = await open("x", login);
      await expect(backend.initialize({ signal })).rejects.toMatchObject({ code, transient: false });
      await expect(backend.stat({ type: "config", name: "" }, { signal })).rejects.toMatchObject({ code });
      await backend.close();
    });
  });
});
