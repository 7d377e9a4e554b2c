/** A member of etcd for tests, on the loopback address, and a process that writes to it. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "@holdfast/storage/testing";

export const PASSWORD = "correct horse";

export class TestEtcd {
  readonly data: string;
  readonly url: string;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #writer: ChildProcess | undefined;

  private constructor(folder: string, data: string, url: string) {
    this.#folder = folder;
    this.data = data;
    this.url = url;
  }

  static async at(folder: string, name: string): Promise<TestEtcd> {
    return new TestEtcd(folder, join(folder, name), `http://127.0.0.1:${await freePort()}`);
  }

  async start(): Promise<void> {
    const log = openSync(`${this.data}.log`, "a");
    const peer = "http://localhost:2380";
    const args = [
      "--name=default",
      `--data-dir=${this.data}`,
      "--listen-peer-urls=unix://localhost:0",
      `--listen-client-urls=${this.url}`,
      `--advertise-client-urls=${this.url}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
    ];
    this.#child = spawn("etcd", args, { stdio: ["ignore", log, log], cwd: this.#folder });
    for (let n = 0; n < 200; n++) {
      try {
        this.ask("endpoint", "health");
        return;
      } catch {
        await sleep(100);
      }
    }
    throw new Error("etcd does not start");
  }

  ask(...words: string[]): string {
    return this.askAs({}, ...words);
  }

  askAs(variables: Record<string, string>, ...words: string[]): string {
    return execFileSync("etcdctl", [`--endpoints=${this.url}`, ...words], {
      env: { ...process.env, ...variables },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trimEnd();
  }

  /** Two keys that always have the same value, which one transaction writes; seldom, so that the database stays small. */
  startWriter(): void {
    const script = `n=0; while n=$((n + 1)); do printf '\\nput a %s\\nput b %s\\n\\n\\n' $n $n | etcdctl --endpoints="$0" txn; sleep 1; done`;
    this.#writer = spawn("sh", ["-c", script, this.url], { stdio: "ignore", detached: true });
  }

  async stop(): Promise<void> {
    for (const child of [this.#writer, this.#child]) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      // The writer leads a group, as it starts programs of its own.
      if (child === this.#writer && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      else child.kill("SIGKILL");
      await ended;
    }
  }
}
