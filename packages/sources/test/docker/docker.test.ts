/** The promises of the contract, by containers of a real Podman. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { dockerKind } from "../../src/docker/docker-kind.ts";
import { sourceConformance } from "../../src/testing/index.ts";
import { canRunPodman, Podman } from "./podman.ts";

describe.skipIf(!canRunPodman)("by Podman,", () => {
  sourceConformance(dockerKind, async ({ folder }) => {
    const podman = await Podman.start();
    const data = await podman.volume("shop_data");
    const labels = { "holdfast.stop": "true" };
    const HostConfig = { Binds: ["shop_data:/data"] };
    await podman.run("shop", { Labels: labels, HostConfig });
    writeFileSync(join(data, "rows"), "one\ntwo\n", { mode: 0o640 });
    writeFileSync(join(folder, "no-socket"), "");
    return {
      settings: { socket: podman.socket, proof: { "runs-for": "1s", commands: { shop: ["/bin/cat", "/data/rows"] } } },
      broken: [
        { what: "no socket", settings: { socket: join(folder, "nowhere") }, code: "SOURCES_UNREACHABLE" },
        { what: "a file", settings: { socket: join(folder, "no-socket") }, code: "SOURCES_UNREACHABLE" },
        { what: "no such container", settings: { containers: ["other"] }, code: "SOURCES_SETTINGS" },
        { what: "nothing chosen", settings: { projects: ["other"] }, code: "SOURCES_SETTINGS" },
      ],
      destroy: async () => {
        await podman.do("DELETE", "/containers/shop?force=true");
        await podman.do("DELETE", "/volumes/shop_data");
        await podman.do("DELETE", `/images/localhost/holdfast-test:1?force=true`);
        expect(existsSync(data)).toBe(false);
      },
      target: { form: "containers" },
      assertRestored: async () => {
        expect(readFileSync(join(data, "rows"), "utf8")).toBe("one\ntwo\n");
        expect(statSync(join(data, "rows")).mode & 0o777).toBe(0o640);
        expect(await podman.state("shop")).toBe("created");
        await podman.do("POST", "/containers/shop/start");
        expect(await podman.state("shop")).toBe("running");
      },
      isQuiet: async () => {
        const names = await podman.names();
        return names.length === 1 && (await podman.state("shop")) === "running";
      },
      close: () => podman.stop(),
    };
  });
});
