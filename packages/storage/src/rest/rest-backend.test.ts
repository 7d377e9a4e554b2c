/** The REST client against `rclone serve restic`. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../backend.ts";
import { NO_SURROUNDINGS, openBackend } from "../location.ts";
import { backendConformance } from "../testing/conformance.ts";
import { fillUp } from "../testing/full-disk.ts";
import { type RunningServer, hasProgram, startServer } from "../testing/server-program.ts";
import { mayMount } from "../testing/small-disk.ts";

const signal = new AbortController().signal;

describe.skipIf(!hasProgram("rclone"))("with rclone serve restic", () => {
  const login = { RCLONE_USER: "anna", RCLONE_PASS: "p@ss:wörd%" };
  const anna = `anna:${encodeURIComponent(login.RCLONE_PASS)}@`;
  let server: RunningServer;
  /** Serves the same folder, and lets nobody remove or replace anything but locks. */
  let strict: RunningServer;
  let places = 0;

  const rclone = (folder: string | undefined, ...more: string[]): Promise<RunningServer> =>
    startServer({
      program: "rclone",
      args: (own) => {
        const address = `127.0.0.1:${own.port}`;
        const served = folder ?? join(own.folder, "data");
        return ["serve", "restic", served, "--addr", address, "--config", "/dev/null", ...more];
      },
      env: login,
    });

  beforeAll(async () => {
    server = await rclone(undefined);
    strict = await rclone(join(server.folder, "data"), "--append-only");
  });
  afterAll(async () => {
    await strict.stop();
    await server.stop();
  });

  const open = (port: number, place: string): Promise<Backend> =>
    openBackend(`rest:http://${anna}127.0.0.1:${port}/${place}`, NO_SURROUNDINGS);

  backendConformance(
    "RestBackend",
    async () => {
      const place = `place${places++}`;
      return {
        backend: await open(server.port, place),
        folder: join(server.folder, "data", place),
        clearsUpLate: true,
        async plantForeign(path) {
          // Listings have names and no paths: a file in a wrong folder of `data` cannot be told from the right one.
          if (/^data\/.*\/?[0-9a-f]{64}$/.test(path)) return;
          const full = join(server.folder, "data", place, path);
          await mkdir(dirname(full), { recursive: true });
          await writeFile(full, "foreign");
        },
      };
    },
    { manyFiles: 100_000 },
  );

  test.skipIf(!mayMount)(
    "a disk that is full is an error, and what rclone leaves of the file is replaced by the next try",
    async () => {
      // rclone says no more than that something went wrong, and leaves an empty file.
      const code = await fillUp(join(server.folder, "data", "small"), () => open(server.port, "small"), {
        leavesEmptyFile: true,
      });
      expect(code).toBe("STORAGE_UNAVAILABLE");
    },
  );

  test.each([
    ["anna:wrong@", "STORAGE_CREDENTIALS_REFUSED"],
    ["bob:wrong@", "STORAGE_CREDENTIALS_REFUSED"],
    ["", "STORAGE_NO_CREDENTIALS"],
  ])("who logs in as '%s' gets %s, at once, and no message repeats the password", async (who, code) => {
    const backend = await openBackend(`rest:http://${who}127.0.0.1:${server.port}/x/`, NO_SURROUNDINGS);
    const stat = (): Promise<unknown> => backend.stat({ type: "config", name: "" }, { signal });
    for (const call of [() => backend.initialize({ signal }), stat]) {
      const error: unknown = await call().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code, transient: false });
      expect(JSON.stringify(error)).not.toContain("wrong");
    }
    await backend.close();
  });

  backendConformance(
    "RestBackend, append-only by the server",
    async () => {
      const place = `place${places++}`;
      return { backend: await open(strict.port, place), writer: await open(server.port, place), clearsUpLate: true };
    },
    { access: "append-only" },
  );
});
