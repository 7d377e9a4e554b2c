/** A restored machine while it runs: with overlays on its disks, so that another attempt begins with the same. */
import { copyFile, mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "@holdfast/base";
import type { CallOptions, ProofEvidence } from "../../contract/source.ts";
import { lastLines } from "../../programs/last-lines.ts";
import type { Programs } from "../../programs/programs.ts";
import { StartedServer } from "../../programs/started-server.ts";
import type { MachineShape } from "../moment.ts";
import { QmpConnection } from "../qmp/qmp-connection.ts";
import type { ProofSettings } from "../settings.ts";
import { ConsoleLog } from "./console-log.ts";
import { agentAnswers, portAnswers } from "./heartbeat.ts";
import { machineArguments } from "./machine-arguments.ts";

/** The end of a console's log that is kept as evidence. */
const EVIDENCE_CHARS = 64 * 1024;
const POLL_MS = 100;
const MAX_PICTURE_BYTES = 8 * 1024 * 1024;

export interface MachineOptions extends CallOptions {
  readonly programs: Programs;
  readonly source: string;
  readonly proof: ProofSettings;
  readonly shape: MachineShape;
  readonly accelerator: "kvm" | "tcg";
  /** Raw images, which stay as they are. */
  readonly disks: readonly { readonly name: string; readonly path: string }[];
  readonly variables: string | undefined;
  /** For overlays; not there yet. */
  readonly folder: string;
  /** For sockets: an empty folder of a short path. */
  readonly sockets: string;
  /** Ends the attempt to start it; the machine itself runs until `end`, or `signal`. */
  readonly starting: AbortSignal;
}

export class StartedMachine {
  readonly #options: MachineOptions;
  readonly #program: StartedServer;
  readonly #qmp: QmpConnection;
  readonly #console: ConsoleLog;

  private constructor(options: MachineOptions, program: StartedServer, qmp: QmpConnection, log: ConsoleLog) {
    this.#options = options;
    this.#program = program;
    this.#qmp = qmp;
    this.#console = log;
  }

  /** @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED with what QEMU says */
  static async start(options: MachineOptions): Promise<StartedMachine> {
    const { programs, source, proof, folder, sockets, starting, signal } = options;
    await mkdir(folder, { mode: 0o700 });
    const disks = [];
    for (const { name, path } of options.disks) {
      const overlay = join(folder, `${name}.qcow2`);
      await programs.text(overlayCall(overlay, path), { signal });
      disks.push({ name, path: overlay });
    }
    const variables = options.variables === undefined ? undefined : join(folder, "variables");
    if (variables !== undefined) await copyFile(options.variables as string, variables);
    const paths = { qmp: join(sockets, "qmp"), console: join(sockets, "console"), agent: join(sockets, "agent") };
    const log = await ConsoleLog.listen(paths.console);
    const { shape, accelerator } = options;
    const args = machineArguments({ proof, shape, accelerator, disks, variables, sockets: paths });
    const call = {
      tool: proof.program,
      args,
      how: "Install the package qemu-system-x86, or name the emulator with the setting proof: program.",
      log: join(folder, "qemu.log"),
      isReady: async () => (await stat(paths.qmp)).isSocket(),
      readyWithinMs: proof["boot-time-limit"],
      setting: "proof: boot-time-limit",
    };
    let program: StartedServer | undefined;
    try {
      program = await StartedServer.start(programs, call, { signal: starting });
      const qmp = await QmpConnection.open(paths.qmp, source, { signal: starting });
      return new StartedMachine(options, program, qmp, log);
    } catch (error) {
      await program?.end();
      log.close();
      throw error;
    }
  }

  /** Waits for the guest agent. @throws why the machine has ended, the signal's reason */
  agent({ signal }: CallOptions): Promise<string> {
    return this.#whileItRuns(agentAnswers(join(this.#options.sockets, "agent"), { signal }));
  }

  /** Waits for it on the console. @throws why it does not come, with what the console showed last */
  async console(expression: RegExp, { signal }: CallOptions): Promise<string> {
    try {
      return await this.#whileItRuns(this.#console.until(expression, { signal }));
    } catch (error) {
      const said = lastLines(this.#console.text);
      const seen =
        said === "" ? "nothing came over the serial console (Linux: console=ttyS0)" : `the last was: ${said}`;
      throw new Error(`${messageOf(error)}; ${seen}`, { cause: error });
    }
  }

  port({ signal }: CallOptions): Promise<string> {
    const { port } = this.#options.proof;
    if (port === undefined) throw new Error("there is no port to look at");
    return this.#whileItRuns(portAnswers(this.#qmp, port, { signal }));
  }

  /** What it has said and what it shows; what cannot be had any more is left out. */
  async evidence({ signal }: CallOptions): Promise<ProofEvidence[]> {
    const found: ProofEvidence[] = [];
    const { text } = this.#console;
    if (text !== "") found.push({ name: "console.log", bytes: Buffer.from(text.slice(-EVIDENCE_CHARS)) });
    const filename = join(this.#options.folder, "screen.png");
    try {
      await this.#qmp.execute("screendump", { filename, format: "png" }, { signal });
      const bytes = await readFile(filename);
      if (bytes.length <= MAX_PICTURE_BYTES) found.push({ name: "screen.png", bytes });
    } catch {
      signal.throwIfAborted();
    }
    return found;
  }

  async end(): Promise<void> {
    this.#qmp.close();
    await this.#program.end();
    this.#console.close();
  }

  async #whileItRuns<T>(waiting: Promise<T>): Promise<T> {
    const over = new AbortController();
    try {
      return await Promise.race([waiting, this.#end(over.signal)]);
    } finally {
      over.abort();
    }
  }

  /** Never resolves: rejects when the machine has ended, or with the signal. */
  async #end(signal: AbortSignal): Promise<never> {
    for (;;) {
      const why = this.#program.endedBecause;
      if (why !== undefined) throw new Error(`the machine has ended: ${why}`);
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}

function overlayCall(overlay: string, path: string): { tool: string; args: string[]; how: string } {
  const args = ["create", "-q", "-f", "qcow2", "-b", path, "-F", "raw", overlay];
  return { tool: "qemu-img", args, how: "Install the package qemu-utils." };
}
