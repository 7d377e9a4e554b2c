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
import { type RunningServer, type ServerProgram, hasProgram, startServer } from "../testing/server-program.ts";
import { mayMount } from "../testing/small-disk.ts";
import { WebdavBackend } from "./webdav-backend.ts";

const signal = new AbortController().signal;
const USER = "anna";
const PASSWORD = "p@ss:%";

const RCLONE: ServerProgram = {
  program: "rclone",
  env: { RCLONE_USER: USER, RCLONE_PASS: PASSWORD },
  args: ({ port, folder }) => {
    const address = `127.0.0.1:${port}`;
    return ["serve", "webdav", join(folder, "data"), "--addr", address, "--config", "/dev/null"];
  },
  async prepare({ folder }) {
    await mkdir(join(folder, "data"));
  },
};

const MODULES = "mpm_event authn_core authn_file authz_core authz_user auth_basic dav dav_fs";

const APACHE: ServerProgram = {
  program: "apache2",
  args: ({ folder }) => ["-f", join(folder, "httpd.conf"), "-D", "FOREGROUND"],
  async prepare({ port, folder }) {
    await mkdir(join(folder, "data"));
    // Apache changes to another user: that one must get in.
    await chmod(folder, 0o711);
    await chmod(join(folder, "data"), 0o777);
    await mkdir(join(folder, "locks"));
    await chmod(join(folder, "locks"), 0o777);
    const isRoot = process.getuid?.() === 0;
    const lines = [
      ...MODULES.split(" ").map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
      `Listen 127.0.0.1:${port}`,
      "ServerName localhost",
      ...(isRoot ? ["User www-data", "Group www-data"] : []),
      `PidFile ${folder}/pid`,
      `ErrorLog ${folder}/error.log`,
      `DefaultRuntimeDir ${folder}`,
      `Mutex file:${folder} default`,
      `DavLockDB ${folder}/locks/db`,
      `DocumentRoot ${folder}/data`,
      `<Directory ${folder}/data>`,
      "Dav On",
      "AuthType Basic",
      "AuthName test",
      `AuthUserFile ${folder}/users`,
      "Require valid-user",
      "</Directory>",
    ];
    await writeFile(join(folder, "httpd.conf"), `${lines.join("\n")}\n`);
    // SHA-1 is what Apache reads without a program to make the line.
    const { createHash } = await import("node:crypto");
    const hash = createHash("sha1").update(PASSWORD).digest("base64");
    await writeFile(join(folder, "users"), `${USER}:{SHA}${hash}\n`);
  },
};

describe.for([
  { name: "rclone serve webdav", server: RCLONE },
  { name: "Apache", server: APACHE },
])("with $name", ({ server: program, name }) => {
  describe.skipIf(!hasProgram(program.program))("as a server", () => {
    let server: RunningServer;
    let places = 0;

    beforeAll(async () => {
      server = await startServer(program);
    });
    afterAll(() => server.stop());

    const open = (place: string, login = `${USER}:${encodeURIComponent(PASSWORD)}@`): Promise<Backend> =>
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
          authorization: basicAuthorization({ user: USER, password: new Secret(PASSWORD) }),
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
