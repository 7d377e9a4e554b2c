/** Containers and volumes that are restored into a real Podman, and what is refused. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerKind } from "../../src/docker/docker-kind.ts";
import type { CapturedTree } from "../../src/contract/captured-tree.ts";
import type { RestoreReport } from "../../src/contract/source.ts";
import { SourceLab } from "../../src/testing/index.ts";
import { canRunPodman, Podman } from "./podman.ts";

const never = new AbortController().signal;

describe.skipIf(!canRunPodman)("a restore of containers", () => {
  let lab: SourceLab;
  let podman: Podman;
  let captured: CapturedTree;
  let bind: string;
  beforeAll(async () => {
    lab = await SourceLab.open();
    podman = await Podman.start();
    bind = join(lab.newFolder(), "bind");
    mkdirSync(bind);
    writeFileSync(join(bind, "file"), "bound");
    const data = await podman.volume("data", { Labels: { "com.docker.compose.project": "p", mine: "yes" } });
    writeFileSync(join(data, "rows"), "one");
    await podman.do("POST", "/networks/create", { Name: "inside", Driver: "bridge" });
    await podman.run("web", {
      Env: ["A=b"],
      HostConfig: { Binds: ["data:/data", `${bind}:/bind:ro`], NetworkMode: "inside" },
      start: false,
    });
    await podman.run("idle", { HostConfig: { Binds: ["data:/data:ro", "cache:/cache"] } });
    await lab.capture(open(), { kind: "docker", name: "shop" });
    captured = await lab.captured();
  });
  afterAll(async () => {
    await podman.stop();
    lab.remove();
  });

  const open = (settings: Record<string, unknown> = {}) =>
    dockerKind.open("shop", dockerKind.settings.parse({ socket: podman.socket, ...settings }), lab.surroundings());
  const restore = (form: string, options: { settings?: Record<string, unknown>; overwrite?: boolean } = {}) =>
    open().restore(captured, {
      form,
      folder: lab.newFolder(),
      onWarning: () => {},
      onStep: () => {},
      signal: never,
      ...options,
    });
  const mountpoint = async (name: string): Promise<string> => (await podman.do("GET", `/volumes/${name}`)).Mountpoint;
  const everything = async (): Promise<unknown> => [
    await podman.names(),
    (await podman.do("GET", "/volumes")).Volumes.map(({ Name }) => Name).toSorted(),
  ];

  test("is refused where a volume is used by a container that runs, or is not empty, and changes nothing", async () => {
    const before = await everything();
    await expect(restore("volumes")).rejects.toMatchObject({ code: "SOURCES_TARGET_RUNNING" });
    await expect(restore("volumes", { overwrite: true })).rejects.toMatchObject({ code: "SOURCES_TARGET_RUNNING" });
    await podman.do("POST", "/containers/idle/stop?t=0");
    await expect(restore("volumes")).rejects.toMatchObject({ code: "SOURCES_TARGET_NOT_EMPTY" });
    expect(await everything()).toEqual(before);
  });

  test("replaces what is in a volume only when told to", async () => {
    await podman.do("POST", "/containers/idle/stop?t=0");
    const file = join(await mountpoint("data"), "rows");
    writeFileSync(file, "two");
    await restore("volumes", { overwrite: true });
    expect(readFileSync(file, "utf8")).toBe("one");
  });

  test("is refused where a container has the name", async () => {
    const before = await everything();
    await expect(restore("containers")).rejects.toMatchObject({
      code: "SOURCES_TARGET_IN_USE",
      hint: expect.stringContaining("--set prefix="),
    });
    expect(await everything()).toEqual(before);
  });

  test("with a prefix makes everything beside the original, which compose does not take for its own", async () => {
    const report: RestoreReport = await restore("containers", { settings: { prefix: "test_" } });
    expect(report.restored).toEqual([
      "network test_inside",
      "volume test_cache",
      "volume test_data",
      "container test_idle, not started",
      "container test_web, not started",
    ]);
    expect(report.remaining).toContain(`The bind mount ${bind} was there, and was left as it is.`);
    expect(readFileSync(join(await mountpoint("test_data"), "rows"), "utf8")).toBe("one");
    const { Volumes } = await podman.do("GET", "/volumes");
    expect(Volumes.find(({ Name }) => Name === "test_data")?.Labels).toEqual({ mine: "yes" });
    const made = await podman.ask("GET", "/v1.41/containers/test_web/json");
    expect(made.answer?.State.Status).toBe("created");
    expect(made.answer?.Mounts.map(({ Destination, Source }) => [Destination, Source]).toSorted()).toEqual([
      ["/bind", bind],
      ["/data", await mountpoint("test_data")],
    ]);
    expect(JSON.parse(made.text)).toMatchObject({
      Config: { Env: expect.arrayContaining(["A=b"]) },
      NetworkSettings: { Networks: { test_inside: {} } },
    });
    await podman.do("POST", "/containers/test_idle/start");
    expect(await podman.state("test_idle")).toBe("running");
  });

  test("of one container puts back what is missing, and leaves what is there", async () => {
    for (const name of ["web", "idle"]) await podman.do("DELETE", `/containers/${name}?force=true`);
    await podman.do("DELETE", "/volumes/cache");
    await podman.do("DELETE", "/networks/inside?force=true");
    rmSync(bind, { recursive: true });
    writeFileSync(join(await mountpoint("data"), "rows"), "newer");
    const report = await restore("containers", { settings: { containers: "web" } });
    expect(report.restored).toEqual(["network inside", `bind mount ${bind}`, "container web, not started"]);
    expect(report.remaining).toContain("The volume data was there, and was left as it is.");
    expect(readFileSync(join(bind, "file"), "utf8")).toBe("bound");
    expect(readFileSync(join(await mountpoint("data"), "rows"), "utf8")).toBe("newer");
    expect(await podman.state("web")).toBe("created");
    // Nothing of others.
    expect((await podman.ask("GET", "/v1.41/volumes/cache")).status).toBe(404);
    expect(await podman.state("idle")).toBeUndefined();
  });

  test("says which image has to be pulled where none was stored", async () => {
    await lab.capture(open({ "save-images": "never" }), { kind: "docker", name: "shop" });
    captured = await lab.captured();
    for (const name of await podman.names()) await podman.do("DELETE", `/containers/${name}?force=true`);
    await podman.do("DELETE", "/images/localhost/holdfast-test:1?force=true");
    const report = await restore("containers");
    expect(report.restored.filter((line) => line.startsWith("container"))).toEqual([]);
    expect(report.remaining).toContainEqual(expect.stringMatching(/^Pull the image localhost\/holdfast-test@sha256:/));
  });

  test("as a folder has everything as files", async () => {
    const folder = lab.newFolder();
    await open().restore(captured, { form: "folder", folder, onWarning: () => {}, onStep: () => {}, signal: never });
    expect(existsSync(join(folder, "volumes/data/_data/rows"))).toBe(true);
    expect(existsSync(join(folder, "binds", bind, "file"))).toBe(true);
    expect(statSync(join(folder, "containers/web.json")).mode & 0o777).toBe(0o600);
  });
});
