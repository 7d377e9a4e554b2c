/** A network namespace for clients, joined to ours by a pair of interfaces whose packets netem delays. */
import { spawnSync } from "node:child_process";

/** For measurements between networks (RFC 2544); nobody routes them. */
const [OURS, THEIRS] = ["198.18.77.1", "198.18.77.2"];
/** Packets that may be on their way: at 1,500 bytes, 150 MB. The default of 1,000 would lose some. */
const LIMIT = "100000";

export class NetemNamespace {
  /** This side, as the clients see it. */
  readonly host = OURS;
  readonly #name: string;

  private constructor(name: string) {
    this.#name = name;
  }

  /** @returns `undefined` where it cannot be: without root, or without netem in the kernel */
  static open(roundTripMs: number): NetemNamespace | undefined {
    const name = `hfbench${process.pid}`;
    const [here, there] = [`hf${process.pid}a`, `hf${process.pid}b`];
    const inside = ["netns", "exec", name];
    const delay = ["root", "netem", "delay", `${roundTripMs / 2}ms`, "limit", LIMIT];
    const namespace = new NetemNamespace(name);
    const steps: [string, ...string[]][] = [
      ["ip", "netns", "add", name],
      ["ip", "link", "add", "name", here, "type", "veth", "peer", "name", there],
      ["ip", "link", "set", there, "netns", name],
      ["ip", "addr", "add", `${OURS}/30`, "dev", here],
      ["ip", "link", "set", here, "up"],
      ["ip", ...inside, "ip", "addr", "add", `${THEIRS}/30`, "dev", there],
      ["ip", ...inside, "ip", "link", "set", there, "up"],
      ["ip", ...inside, "ip", "link", "set", "lo", "up"],
      ["tc", "qdisc", "add", "dev", here, ...delay],
      ["ip", ...inside, "tc", "qdisc", "add", "dev", there, ...delay],
    ];
    for (const [program, ...args] of steps) {
      if (succeeds(program, args)) continue;
      // The interfaces go with the namespace, or, where they were not moved there yet, by themselves.
      spawnSync("ip", ["link", "delete", here], { stdio: "ignore" });
      namespace.close();
      return undefined;
    }
    return namespace;
  }

  /** What stands before a command that is to run there. */
  get through(): readonly string[] {
    return ["ip", "netns", "exec", this.#name];
  }

  close(): void {
    spawnSync("ip", ["netns", "delete", this.#name], { stdio: "ignore" });
  }
}

function succeeds(program: string, args: readonly string[]): boolean {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status === 0) return true;
  process.stderr.write(`no delay by netem: ${program} ${args.join(" ")}: ${stderr?.trim() ?? "it is not installed"}\n`);
  return false;
}
