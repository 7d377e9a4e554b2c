/** The test's machine while it runs, under a QEMU of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { GuestAgent } from "../../src/vm/agent/guest-agent.ts";
import { QmpConnection } from "../../src/vm/qmp/qmp-connection.ts";
import type { Guest } from "./guest.ts";

const never = new AbortController().signal;
/** On a computer that has much else to do. */
const START_MS = 150_000;

export class RunningGuest {
  readonly qmp: string;
  readonly agent: string;
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(folder: string, process: ChildProcess) {
    this.#folder = folder;
    this.#process = process;
    this.qmp = join(folder, "qmp");
    this.agent = join(folder, "agent");
  }

  /** @param folder for sockets and the console's log; a short path */
  static async start({ first, second }: Guest, folder: string): Promise<RunningGuest> {
    mkdirSync(folder, { recursive: true });
    const log = openSync(join(folder, "log"), "a");
    const disk = (id: string, path: string): string[] => [
      "-blockdev",
      `driver=qcow2,node-name=${id},file.driver=file,file.filename=${path}`,
      "-device",
      `virtio-blk-pci,drive=${id},id=${id === "first" ? "system" : "data"}`,
    ];
    const args = [
      "-accel",
      "tcg",
      "-M",
      "q35",
      "-m",
      "256",
      "-nodefaults",
      "-no-user-config",
      "-display",
      "none",
      "-serial",
      `file:${join(folder, "console")}`,
      "-qmp",
      `unix:${join(folder, "qmp")},server=on,wait=off`,
      "-device",
      "virtio-serial",
      "-chardev",
      `socket,id=agent,path=${join(folder, "agent")},server=on,wait=off`,
      "-device",
      "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
      ...disk("first", first),
      ...disk("second", second),
    ];
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", "qemu-system-x86_64", ...args], {
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    const guest = new RunningGuest(folder, child);
    try {
      await guest.until(() => guest.console.includes("HEALTH-OK") && guest.writes() > 0);
      return guest;
    } catch (error) {
      await guest.end("SIGKILL");
      throw error;
    }
  }

  get console(): string {
    const path = join(this.#folder, "console");
    return existsSync(path) ? readFileSync(path, "latin1") : "";
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  /** How far its writer has counted. */
  writes(): number {
    return Number(/W (\d+)\s*$/.exec(this.console.slice(0, this.console.lastIndexOf("\n") + 1))?.[1] ?? 0);
  }

  /** Waits until its writer has written again: it neither stands still nor gets errors. */
  async writesOn(more = 2): Promise<void> {
    const before = this.writes();
    await this.until(() => this.writes() >= before + more);
  }

  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    const endMs = performance.now() + START_MS;
    while (!(await isSo())) {
      if (this.#process.exitCode !== null || performance.now() > endMs) {
        throw new Error(
          `the guest does not come so far: ${this.console.slice(-500)} ${readFileSync(join(this.#folder, "log"), "utf8")}`,
        );
      }
      await sleep(50);
    }
  }

  /** Speaks to its QEMU. */
  async ask<T>(command: string, args: Record<string, unknown> = {}): Promise<T> {
    const qmp = await QmpConnection.open(this.qmp, "the test", { signal: never });
    try {
      return (await qmp.execute(command, args, { signal: never })) as T;
    } finally {
      qmp.close();
    }
  }

  /** `thawed` or `frozen`. */
  async freezeStatus(): Promise<unknown> {
    const agent = await GuestAgent.open(this.agent, 20_000, { signal: never });
    try {
      return await agent.execute("guest-fsfreeze-status", 20_000, { signal: never });
    } finally {
      agent.close();
    }
  }

  /** What captures have put into its QEMU and not taken out again. */
  async leftovers(): Promise<string[]> {
    const named = async (command: string, key: string): Promise<string[]> =>
      (await this.ask<Record<string, unknown>[]>(command)).map((each) => String(each[key]));
    const all = [
      ...(await named("query-named-block-nodes", "node-name")),
      ...(await named("query-block-jobs", "device")),
      ...(await named("query-block-exports", "id")),
      ...(await this.bitmaps()),
    ];
    return all.filter((name) => name.startsWith("hf-"));
  }

  /** Bitmaps in its first disk. */
  async bitmaps(): Promise<string[]> {
    const devices =
      await this.ask<{ qdev?: string; inserted?: { "dirty-bitmaps"?: { name?: string }[] } }[]>("query-block");
    return devices.flatMap(({ inserted }) => inserted?.["dirty-bitmaps"]?.map(({ name = "" }) => name) ?? []);
  }

  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill(signal);
    await once(this.#process, "close");
  }
}
