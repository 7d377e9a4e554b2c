/** The promises of the contract, by containers of a real Podman. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect } from "vitest";
import { dockerKind } from "../../src/docker/docker-kind.ts";
import { sourceConformance } from "../../src/testing/index.ts";
import { canRunPodman, Podman } from "./podman.ts";

describe.skipIf(!canRunPodman)("by Podman,", () => {
  let podman: Podman | undefined;
  // Also when the subject could not be made.
  afterAll(() => podman?.stop());

  sourceConformance(dockerKind, async ({ folder }) => {
    const engine = await Podman.start();
    podman = engine;
    const data = await engine.volume("shop_data");
    const labels = { "holdfast.stop": "true" };
    const HostConfig = { Binds: ["shop_data:/data"] };
    await engine.run("shop", { Labels: labels, HostConfig });
    writeFileSync(join(data, "rows"), "one\ntwo\n", { mode: 0o640 });
    writeFileSync(join(folder, "no-socket"), "");
    return {
      settings: { socket: engine.socket, proof: { "runs-for": "1s", commands: { shop: ["/bin/cat", "/data/rows"] } } },
      broken: [
        { what: "no socket", settings: { socket: join(folder, "nowhere") }, code: "SOURCES_UNREACHABLE" },
        { what: "a file", settings: { socket: join(folder, "no-socket") }, code: "SOURCES_UNREACHABLE" },
        { what: "no such container", settings: { containers: ["other"] }, code: "SOURCES_SETTINGS" },
        { what: "nothing chosen", settings: { projects: ["other"] }, code: "SOURCES_SETTINGS" },
      ],
      destroy: async () => {
        await engine.do("DELETE", "/containers/shop?force=true");
        await engine.do("DELETE", "/volumes/shop_data");
        await engine.do("DELETE", `/images/localhost/holdfast-test:1?force=true`);
        expect(existsSync(data)).toBe(false);
      },
      target: { form: "containers" },
      assertRestored: async () => {
        expect(readFileSync(join(data, "rows"), "utf8")).toBe("one\ntwo\n");
        expect(statSync(join(data, "rows")).mode & 0o777).toBe(0o640);
        expect(await engine.state("shop")).toBe("created");
        await engine.do("POST", "/containers/shop/start");
        expect(await engine.state("shop")).toBe("running");
      },
      isQuiet: async () => {
        const names = await engine.names();
        return names.length === 1 && (await engine.state("shop")) === "running";
      },
      close: async () => {},
    };
  });
});
