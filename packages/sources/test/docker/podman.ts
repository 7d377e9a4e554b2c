/**
 * An engine of its own for tests: Podman of Debian that serves its API on a socket, in namespaces of its own, so that nothing of it is left
 * behind and no network of this machine is touched.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hasProgram } from "@holdfast/storage/testing";

export const IMAGE = "localhost/holdfast-test:1";
const READY_MS = 60_000;
const APPLETS = ["sh", "sleep", "cat", "ls", "echo", "touch", "true", "false", "mv", "test"];

/** Limits that a process without the right to raise its own can keep; no cgroup controllers are needed. */
const CONFIGURATION = (folder: string): string => `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
pids_limit = 0
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_config_dir = "${folder}/net"
`;

/** Containers are paused by cgroups of version 2, which may be mounted beside those of version 1, or not where they are looked for. */
const SERVE = `
grep -q "^cgroup2 /sys/fs/cgroup " /proc/mounts || { umount -R -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; }
ip link set lo up
# It asks dpkg for the packages of its parts whenever somebody asks for its version, which takes seconds.
mount --bind /bin/true /usr/bin/dpkg
mount --bind /bin/true /usr/bin/dpkg-query
# unshare ignores it, and who is started with a signal ignored cannot trap it.
exec env --default-signal=TERM,INT podman --root "$1/root" --runroot "$1/run" --tmpdir "$1/tmp" --storage-driver=vfs system service -t 0 "unix://$1/s"
`;

/** Whether it can run here: only root may make namespaces. */
export const canRunPodman =
  process.getuid?.() === 0 && ["podman", "runc", "conmon", "unshare", "busybox"].every((name) => hasProgram(name));

/** What the tests look at in answers. */
export interface EngineAnswer {
  readonly Id: string;
  readonly Image: string;
  readonly Mountpoint: string;
  readonly State: { readonly Status: string; readonly StartedAt: string; readonly FinishedAt: string };
  readonly Mounts: readonly { readonly Destination: string; readonly Name: string; readonly Source: string }[];
  readonly Volumes: readonly { readonly Name: string; readonly Labels: Record<string, string> }[];
  readonly Names: readonly string[];
}

export class Podman {
  readonly folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.#child = child;
  }

  get socket(): string {
    return join(this.folder, "s");
  }

  static async start(): Promise<Podman> {
    const folder = mkdtempSync(join(tmpdir(), "hf-pod-"));
    writeFileSync(join(folder, "containers.conf"), CONFIGURATION(folder));
    mkdirSync(join(folder, "net"));
    const log = openSync(join(folder, "log"), "a");
    const words = [
      "--mount",
      "--net",
      "--pid",
      "--fork",
      "--kill-child",
      "--mount-proc",
      "sh",
      "-c",
      SERVE,
      "sh",
      folder,
    ];
    const child = spawn("unshare", words, {
      stdio: ["ignore", log, log],
      env: {
        ...process.env,
        PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`,
        CONTAINERS_CONF: join(folder, "containers.conf"),
      },
      detached: true,
    });
    closeSync(log);
    const podman = new Podman(folder, child);
    try {
      for (const until = Date.now() + READY_MS; ; await sleep(50)) {
        if (
          await podman.ask("GET", "/_ping").then(
            ({ status }) => status === 200,
            () => false,
          )
        )
          break;
        if (Date.now() > until || child.exitCode !== null) throw new Error(readFileSync(join(folder, "log"), "utf8"));
      }
      await podman.#makeImage();
      return podman;
    } catch (error) {
      await podman.stop();
      throw error;
    }
  }

  /** Asks its API, apart from what is tested. */
  ask(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; answer: EngineAnswer | undefined; text: string }> {
    return new Promise((resolve, reject) => {
      const isBytes = Buffer.isBuffer(body);
      const headers = { "content-type": isBytes ? "application/x-tar" : "application/json" };
      const outgoing = request({ socketPath: this.socket, path, method, headers, agent: false }, (incoming) => {
        const parts: Buffer[] = [];
        incoming.on("data", (part: Buffer) => parts.push(part));
        incoming.on("error", reject);
        incoming.on("end", () => {
          const text = Buffer.concat(parts).toString("utf8");
          let answer: EngineAnswer | undefined;
          try {
            answer = JSON.parse(text) as EngineAnswer;
          } catch {
            answer = undefined;
          }
          resolve({ status: incoming.statusCode ?? 0, answer, text });
        });
      });
      outgoing.on("error", reject);
      outgoing.end(body === undefined ? undefined : isBytes ? body : JSON.stringify(body));
    });
  }

  /** @returns its id */
  async run(name: string, { start = true, ...body }: Record<string, unknown> & { start?: boolean }): Promise<string> {
    const { HostConfig = {}, ...config } = body as { HostConfig?: Record<string, unknown> };
    const made = await this.ask("POST", `/v1.41/containers/create?name=${name}`, {
      Image: IMAGE,
      Cmd: ["/bin/sleep", "10000"],
      StopSignal: "SIGKILL",
      ...config,
      HostConfig: { NetworkMode: "none", ...HostConfig },
    });
    if (made.status !== 201) throw new Error(`${made.status}: ${made.text}`);
    if (start) await this.do("POST", `/containers/${name}/start`);
    return made.answer?.Id ?? "";
  }

  /** @throws when it is refused */
  async do(method: string, path: string, body?: unknown): Promise<EngineAnswer> {
    const { status, text, answer } = await this.ask(
      method,
      `${path.startsWith("/libpod/") ? "/v4.0.0" : "/v1.41"}${path}`,
      body,
    );
    if (status >= 400) throw new Error(`${method} ${path}: ${status}: ${text}`);
    return answer as EngineAnswer;
  }

  /** `running`, `paused`, `exited` …; `undefined` when there is no such container. */
  async state(name: string): Promise<string | undefined> {
    const { answer } = await this.ask("GET", `/v1.41/containers/${name}/json`);
    return answer?.State?.Status;
  }

  async names(): Promise<string[]> {
    const listed = (await this.do("GET", "/containers/json?all=true")) as unknown as readonly EngineAnswer[];
    return listed.map(({ Names }) => (Names[0] ?? "").slice(1)).toSorted();
  }

  async volume(name: string, more: Record<string, unknown> = {}): Promise<string> {
    return (await this.do("POST", "/volumes/create", { Name: name, ...more })).Mountpoint;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "close");
    // With it everything in its namespace of processes.
    this.#child.kill("SIGKILL");
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Of nothing but a static busybox. */
  async #makeImage(): Promise<void> {
    const root = join(this.folder, "image");
    for (const folder of ["bin", "etc", "tmp"]) mkdirSync(join(root, folder), { recursive: true });
    copyFileSync(
      execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim(),
      join(root, "bin/busybox"),
    );
    for (const applet of APPLETS) symlinkSync("busybox", join(root, "bin", applet));
    writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\n");
    const tar = execFileSync("tar", ["-C", root, "--mtime=@0", "-c", "."], { maxBuffer: 64 * 1024 * 1024 });
    await this.do("POST", `/libpod/images/import?reference=${encodeURIComponent(IMAGE)}`, tar);
  }
}
