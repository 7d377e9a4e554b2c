/** What is captured of containers, and that they go on afterwards, however it ends; with a real Podman. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { CaptureFacts } from "../../src/contract/facts.ts";
import type { SourceWarning } from "../../src/contract/source.ts";
import { dockerKind } from "../../src/docker/docker-kind.ts";
import { type LabCapture, SourceLab } from "../../src/testing/index.ts";
import { cuttingProxy } from "./cutting-proxy.ts";
import { canRunPodman, IMAGE, Podman } from "./podman.ts";

const never = new AbortController().signal;
const identity = { kind: "docker", name: "shop" };
/** Two files that hold the same number whenever it has been asked to end. */
const WRITER = `trap 'over=1' TERM; n=0
while [ -z "$over" ]; do n=$((n+1)); for f in first second; do echo $n > /data/new; mv /data/new /data/$f; sleep 0.02; done; done`;

describe.skipIf(!canRunPodman)("containers", () => {
  let lab: SourceLab;
  let podman: Podman;
  beforeAll(async () => {
    lab = await SourceLab.open();
    podman = await Podman.start();
  });
  afterEach(async () => {
    for (const name of await podman.names()) await podman.do("DELETE", `/containers/${name}?force=true&v=true`);
    for (const { Name } of (await podman.do("GET", "/volumes")).Volumes) await podman.do("DELETE", `/volumes/${Name}`);
  });
  afterAll(async () => {
    await podman.stop();
    lab.remove();
  });

  const open = (settings: Record<string, unknown> = {}) => {
    const parsed = dockerKind.settings.parse({ socket: podman.socket, "save-images": "never", ...settings });
    return dockerKind.open("shop", parsed, lab.surroundings());
  };
  const capture = (settings: Record<string, unknown> = {}, signal?: AbortSignal): Promise<LabCapture> =>
    lab.capture(open(settings), identity, signal);
  const extracted = async (): Promise<string> => {
    const folder = lab.newFolder();
    await (await lab.captured()).extract(undefined, folder, { signal: never });
    return folder;
  };
  /** Takes a capture without storing it; looks once everything stands still. */
  const taken = async (
    settings: Record<string, unknown> = {},
    look: () => Promise<void> = async () => {},
  ): Promise<{ facts: CaptureFacts; codes: string[]; messages: string }> => {
    const warnings: SourceWarning[] = [];
    const running = await open(settings).capture({ signal: never, onWarning: (each) => warnings.push(each) });
    try {
      let hasLooked = false;
      for await (const entry of running.entries) {
        if (entry.kind === "file") for await (const _ of entry.content);
        if (entry.kind !== "real" || hasLooked) continue;
        hasLooked = true;
        await look();
      }
      const messages = warnings.map(({ message }) => message).join("\n");
      return { facts: running.facts(), codes: warnings.map(({ code }) => code), messages };
    } finally {
      await running.close();
    }
  };
  const isState =
    (name: string, state: string): (() => Promise<void>) =>
    async () =>
      expect(await podman.state(name)).toBe(state);

  test("with the label are stopped while they are read, and started again; what they write is whole", async () => {
    await podman.volume("data");
    const HostConfig = { Binds: ["data:/data"] };
    await podman.run("writer", {
      Cmd: ["/bin/sh", "-c", WRITER],
      HostConfig,
      StopSignal: "SIGTERM",
      Labels: { "holdfast.stop": "true" },
    });
    await taken({}, isState("writer", "exited"));
    expect(await podman.state("writer")).toBe("running");
    expect((await capture()).warnings).toEqual([]);
    const folder = join(await extracted(), "volumes/data/_data");
    expect(readFileSync(join(folder, "first"), "utf8")).toBe(readFileSync(join(folder, "second"), "utf8"));
    expect(await podman.state("writer")).toBe("running");
    expect((await lab.captured()).facts).toMatchObject({ consistency: "application", server: { version: "4.3.1" } });
  });

  test("that are paused go on afterwards; as after a power failure is all that is promised", async () => {
    await podman.run("one", { HostConfig: { Binds: ["data:/data"] }, Labels: { "holdfast.stop": "pause" } });
    expect((await taken({}, isState("one", "paused"))).facts.consistency).toBe("crash");
    expect(await podman.state("one")).toBe("running");
  });

  test("without a label go on while they are read, and the facts say so", async () => {
    await podman.run("one", { HostConfig: { Binds: ["data:/data"] } });
    expect((await taken({}, isState("one", "running"))).facts.consistency).toBe("none");
    await taken({ stop: "always" }, isState("one", "exited"));
    await podman.do("DELETE", "/containers/one?force=true");
    await podman.run("one", { HostConfig: { Binds: ["data:/data"] }, Labels: { "holdfast.stop": "true" } });
    await taken({ stop: "never" }, isState("one", "running"));
  });

  test("go on after a capture that failed or was aborted in the middle", async () => {
    const bind = lab.newFolder();
    await podman.run("stopped", { HostConfig: { Binds: [`${bind}:/data`] }, Labels: { "holdfast.stop": "true" } });
    await podman.run("paused", { HostConfig: { Binds: [`${bind}:/data`] }, Labels: { "holdfast.stop": "pause" } });
    const source = open();
    const abort = new AbortController();
    const running = await source.capture({ signal: abort.signal, onWarning: () => {} });
    const reason = new Error("interrupted");
    const taking = (async () => {
      for await (const entry of running.entries) {
        if (entry.kind === "file") for await (const _ of entry.content);
        // While the first of them is being stopped.
        if (entry.path.endsWith("networks.json")) setTimeout(() => abort.abort(reason), 20);
      }
    })();
    await expect(taking).rejects.toBe(reason);
    await running.close();
    expect([await podman.state("stopped"), await podman.state("paused")]).toEqual(["running", "running"]);
  });

  test("go on also when this process is killed in the middle", async () => {
    await podman.run("stopped", { HostConfig: { Binds: ["data:/data"] }, Labels: { "holdfast.stop": "true" } });
    await podman.run("paused", { HostConfig: { Binds: ["data:/data"] }, Labels: { "holdfast.stop": "pause" } });
    const temporary = lab.newFolder();
    const task = JSON.stringify({ settings: { socket: podman.socket, "save-images": "never" }, temporary });
    const child = spawn(process.execPath, [join(import.meta.dirname, "hold-capture.ts"), task], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    expect(String((await once(child.stdout, "data"))[0])).toBe("holding\n");
    expect([await podman.state("stopped"), await podman.state("paused")]).toEqual(["exited", "paused"]);
    // Commands of labels may be secret: what is to be undone lies nowhere.
    expect(readdirSync(temporary)).toEqual([]);
    child.kill("SIGKILL");
    await once(child, "close");
    const states = async (): Promise<(string | undefined)[]> => [
      await podman.state("stopped"),
      await podman.state("paused"),
    ];
    for (let n = 0; n < 300 && (await states()).some((state) => state !== "running"); n++) await sleep(100);
    expect(await states()).toEqual(["running", "running"]);
  });

  test.for([
    ["started", "true", ["start"]],
    ["started, and stopped again,", "true", ["start", "kill"]],
    ["unpaused", "pause", ["unpause"]],
  ] as const)(
    "that somebody has %s while they are read fail the capture, as their files are of no one moment",
    async ([, label, calls]) => {
      await podman.run("one", { HostConfig: { Binds: ["data:/data"] }, Labels: { "holdfast.stop": label } });
      const meddle = async (): Promise<void> => {
        for (const call of calls) await podman.do("POST", `/containers/one/${call}`);
      };
      await expect(taken({}, meddle)).rejects.toMatchObject({
        code: "SOURCES_INTERRUPTED",
        message: expect.stringContaining("container one did not stand still while its files were read"),
      });
      expect(await podman.state("one")).toBe("running");
    },
  );

  test("with labels that name folders, or lead out of the capture, add nothing to it", async () => {
    const folder = lab.newFolder();
    writeFileSync(join(folder, "secret"), "1");
    const Labels = {
      "com.docker.compose.project": "../../../..",
      "com.docker.compose.project.config_files": `${folder},${join(folder, "secret")}`,
    };
    await podman.run("one", { Labels });
    await capture();
    const captured = await extracted();
    expect(
      readdirSync(join(captured, "compose"), { recursive: true })
        .map(String)
        .filter((name) => name.endsWith("secret")),
    ).toEqual([join(folder, "secret").slice(1)]);
  });

  test("of a project are stopped before what they need, and started after it", async () => {
    const compose = (service: string, needs = ""): Record<string, string> => ({
      "holdfast.stop": "true",
      "com.docker.compose.project": "p",
      "com.docker.compose.service": service,
      "com.docker.compose.depends_on": needs,
    });
    const HostConfig = { Binds: ["data:/data"] };
    await podman.run("a-db", { HostConfig, Labels: compose("db") });
    await podman.run("b-app", { HostConfig, Labels: compose("app", "db:service_started:false") });
    await taken({ projects: ["p"] });
    const db = await podman.do("GET", "/containers/a-db/json");
    const app = await podman.do("GET", "/containers/b-app/json");
    expect(Date.parse(app.State.FinishedAt)).toBeLessThanOrEqual(Date.parse(db.State.FinishedAt));
    expect(Date.parse(db.State.StartedAt)).toBeLessThanOrEqual(Date.parse(app.State.StartedAt));
  });

  test("that would be removed by a stop are paused instead", async () => {
    await podman.run("once", {
      HostConfig: { Binds: ["data:/data"], AutoRemove: true },
      Labels: { "holdfast.stop": "true" },
    });
    expect((await taken({}, isState("once", "paused"))).codes).toEqual(["not-stopped"]);
    expect(await podman.state("once")).toBe("running");
  });

  test("run commands of their labels before and after; one that fails makes no snapshot, and the other is run", async () => {
    const mountpoint = await podman.volume("data");
    const Labels = {
      "holdfast.exec-before": `/bin/sh -c 'echo dumped > /data/dump'`,
      "holdfast.exec-after": "/bin/touch /data/after",
    };
    await podman.run("one", { HostConfig: { Binds: ["data:/data"] }, Labels });
    await capture();
    expect(readFileSync(join(await extracted(), "volumes/data/_data/dump"), "utf8")).toBe("dumped\n");
    expect((await lab.captured()).facts.consistency).toBe("application");
    expect(existsSync(join(mountpoint, "after"))).toBe(true);
    await podman.do("DELETE", "/containers/one?force=true");
    const failing = {
      "holdfast.exec-before": `/bin/sh -c "echo no room >&2; exit 3"`,
      "holdfast.exec-after": "/bin/touch /data/again",
    };
    await podman.run("one", { HostConfig: { Binds: ["data:/data"] }, Labels: failing });
    const count = await lab.snapshotCount();
    await expect(capture()).rejects.toThrow(/container one: exit code 3: no room/);
    expect(await lab.snapshotCount()).toBe(count);
    expect(existsSync(join(mountpoint, "again"))).toBe(true);
  });

  test("have their volumes without a name captured, and their bind mounts, but no sockets and nothing twice", async () => {
    const bind = lab.newFolder();
    mkdirSync(join(bind, "inner"));
    writeFileSync(join(bind, "inner/file"), "bound");
    const server = createServer().listen(join(bind, "socket"));
    const Binds = [`${bind}:/bind:ro`, `${join(bind, "inner")}:/inner`, `${podman.socket}:/engine`, "/dev:/host-dev"];
    await podman.run("one", { Volumes: { "/anonymous": {} }, HostConfig: { Binds } });
    const { Mounts } = await podman.do("GET", "/containers/one/json");
    const anonymous = Mounts.find((each) => each.Destination === "/anonymous") ?? { Source: "", Name: "" };
    writeFileSync(join(anonymous.Source, "file"), "without a name");
    await capture();
    server.close();
    const folder = await extracted();
    expect(readFileSync(join(folder, "volumes", anonymous.Name, "_data/file"), "utf8")).toBe("without a name");
    expect(readFileSync(join(folder, "binds", bind, "inner/file"), "utf8")).toBe("bound");
    expect((await lab.captured()).facts.detail).toMatchObject({ binds: [{ path: bind, isFolder: true }] });
    expect(existsSync(join(folder, "binds/dev"))).toBe(false);
  });

  test("are chosen by name, project and label; volumes that nobody uses any more are captured, too", async () => {
    await podman.volume("left");
    await podman.run("web", { HostConfig: { Binds: ["web:/data"] }, Labels: { "com.docker.compose.project": "p" } });
    await podman.run("other", { HostConfig: { Binds: ["other:/data"] } });
    await podman.run("hidden", { HostConfig: { Binds: ["hidden:/data"] }, Labels: { "holdfast.ignore": "true" } });
    const chosen = async (settings: Record<string, unknown>): Promise<unknown> => {
      const { containers, volumes } = (await taken(settings)).facts.detail as Record<string, { name: string }[]>;
      return [containers?.map(({ name }) => name), volumes?.map(({ name }) => name)];
    };
    expect(await chosen({})).toEqual([
      ["other", "web"],
      ["left", "other", "web"],
    ]);
    expect(await chosen({ containers: ["other"] })).toEqual([["other"], ["other"]]);
    expect(await chosen({ projects: ["p"] })).toEqual([["web"], ["web"]]);
    expect(await chosen({ "exclude-containers": ["web"] })).toEqual([["other"], ["left", "other"]]);
  });

  test("keep their environment to the owner, and their compose files and images with them", async () => {
    const folder = lab.newFolder();
    writeFileSync(join(folder, "compose.yaml"), "services: {}\n");
    writeFileSync(join(folder, ".env"), "PASSWORD=secret\n", { mode: 0o600 });
    const Labels = {
      "com.docker.compose.project": "p",
      "com.docker.compose.project.config_files": join(folder, "compose.yaml"),
      "com.docker.compose.project.working_dir": folder,
    };
    await podman.run("one", { Env: ["PASSWORD=secret"], Labels });
    await capture({ "save-images": "missing" });
    const restored = await extracted();
    expect(readFileSync(join(restored, "containers/one.json"), "utf8")).toContain("PASSWORD=secret");
    expect(statSync(join(restored, "containers/one.json")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(restored, "compose/p", folder, ".env"), "utf8")).toBe("PASSWORD=secret\n");
    expect(existsSync(join(restored, "compose/p", folder, "compose.yaml"))).toBe(true);
    expect(JSON.stringify((await lab.captured()).facts)).not.toContain("secret");
    expect(readdirSync(join(restored, "images"))).toHaveLength(1);
    expect((await taken({ "save-images": "never" })).facts.detail["images"]).not.toHaveProperty("0.file");
  });

  test("that are databases and are read as they run are named, with the kind for them", async () => {
    await podman.do("POST", `/images/${IMAGE}/tag?repo=localhost/postgres&tag=15`);
    await podman.run("db", { Image: "localhost/postgres:15", HostConfig: { Binds: ["data:/data"] } });
    const { codes, messages } = await taken();
    expect(codes).toEqual(["database-in-container"]);
    expect(messages).toContain("kind postgres");
    expect((await taken({ stop: "always" })).codes).toEqual([]);
  });

  test("that share a volume with one that is not chosen, and volumes that are mounts of elsewhere, are named", async () => {
    await podman.volume("far", { DriverOpts: { type: "nfs", device: ":/export", o: "addr=192.0.2.1" } });
    const folder = lab.newFolder();
    writeFileSync(join(folder, "file"), "elsewhere on this machine");
    await podman.volume("near", { DriverOpts: { type: "none", device: folder, o: "bind" } });
    await podman.run("one", { HostConfig: { Binds: ["data:/data"] } });
    await podman.run("two", { HostConfig: { Binds: ["data:/data"] } });
    expect((await taken({ containers: ["one"] })).codes).toEqual(["volume-shared"]);
    expect((await capture()).warnings.map(({ code }) => code)).toEqual(["volume-not-captured"]);
    expect(readFileSync(join(await extracted(), "volumes/near/_data/file"), "utf8")).toBe("elsewhere on this machine");
  });

  test("with a label that makes no sense are not read as they run", async () => {
    await podman.run("one", { HostConfig: { Binds: ["data:/data"] }, Labels: { "holdfast.stop": "yes" } });
    await expect(capture()).rejects.toMatchObject({ code: "SOURCES_SETTINGS" });
  });

  test("of an engine whose answer breaks off, or that goes away, make no snapshot", async () => {
    await podman.run("one", { HostConfig: { Binds: ["data:/data"] } });
    const count = await lab.snapshotCount();
    const cuts = (asked: string): boolean => asked.startsWith("GET") && /\/images\/[^ ]*\/get /.test(asked);
    const socket = join(lab.newFolder(), "s");
    const proxy = await cuttingProxy(socket, podman.socket, { cuts, bytes: 100_000 });
    await expect(capture({ socket, "save-images": "always" })).rejects.toMatchObject({ code: "SOURCES_TOOL_FAILED" });
    await proxy.close();
    await expect(capture({ socket })).rejects.toMatchObject({ code: "SOURCES_UNREACHABLE" });
    expect(await lab.snapshotCount()).toBe(count);
  });

  test("of an engine that this user may not ask are refused", async () => {
    await podman.run("one", {});
    const source = open();
    process.seteuid?.(65534);
    try {
      await expect(source.capture({ signal: never, onWarning: () => {} })).rejects.toMatchObject({
        code: "SOURCES_CREDENTIALS",
      });
    } finally {
      process.seteuid?.(0);
    }
  });
});
