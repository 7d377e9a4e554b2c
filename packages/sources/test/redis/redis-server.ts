/** A Redis server for tests, on a socket, and a process that moves money between its accounts; the sum never changes. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const PASSWORD = "correct horse";
/** What all accounts hold together. */
export const SUM = 100 * 1000;
/** One command for the server: it sees no moment in between. */
export const SUM_SCRIPT = "local s=0 for i=0,99 do s=s+redis.call('get','account:'..i) end return s";
/** 20 MB that do not repeat, in an order that is always the same: a change at the beginning leaves the places alone where it is cut. */
const FILL = `for i=1,10000 do redis.call('hset','h:'..i,'a',i)
  local t={redis.sha1hex(i)} for n=2,50 do t[n]=redis.sha1hex(t[n-1]) end redis.call('rpush','list',table.concat(t)) end`;
const MOVE = `for n=1,20 do local a,b=math.random(0,99),math.random(0,99)
  redis.call('decrby','account:'..a,7) redis.call('incrby','account:'..b,7) end redis.call('incr','moves') return 1`;

export class TestRedis {
  readonly data: string;
  readonly socket: string;
  #child: ChildProcess | undefined;
  #writer: ChildProcess | undefined;

  /** @param folder short, as sockets have short paths */
  constructor(folder: string, more: readonly string[] = []) {
    this.data = join(folder, "data");
    this.socket = join(folder, "s");
    mkdirSync(this.data, { recursive: true });
    const lines = [
      "port 0",
      `unixsocket ${this.socket}`,
      `dir ${this.data}`,
      'save ""',
      "databases 20",
      "rdbcompression no",
      "repl-diskless-sync-delay 0",
      `requirepass "${PASSWORD}"`,
      ...more,
    ];
    writeFileSync(`${this.data}.conf`, `${lines.join("\n")}\n`);
  }

  async start(): Promise<void> {
    const log = openSync(`${this.data}.log`, "a");
    this.#child = spawn("redis-server", [`${this.data}.conf`], { stdio: ["ignore", log, log] });
    for (let n = 0; n < 200; n++) {
      try {
        if (this.ask("PING") === "PONG") return;
      } catch {
        // Not yet.
      }
      await sleep(50);
    }
    throw new Error("redis-server does not start");
  }

  ask(...words: string[]): string {
    const env = { ...process.env, REDISCLI_AUTH: PASSWORD };
    const args = ["-s", this.socket, "-e", "--raw", ...words];
    return execFileSync("redis-cli", args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trimEnd();
  }

  /** Fills it: accounts in database 0, and in database 17 what takes room. */
  fill(): void {
    this.ask("EVAL", "for i=0,99 do redis.call('set','account:'..i,1000) end", "0");
    this.ask("-n", "17", "EVAL", FILL, "0");
    this.ask("-n", "3", "SET", "fleeting", "x", "PX", "1");
  }

  startWriter(): void {
    this.#writer = spawn("redis-cli", ["-s", this.socket, "-r", "-1", "EVAL", MOVE, "0"], {
      stdio: "ignore",
      env: { ...process.env, REDISCLI_AUTH: PASSWORD },
    });
  }

  async stop(): Promise<void> {
    for (const child of [this.#writer, this.#child]) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
  }
}
