/** What has to be undone, told to another process while it has: should this one be killed, that one does it. */
import { fileURLToPath } from "node:url";
import { workerEntry } from "@holdfast/base";
import type { Programs } from "../../programs/programs.ts";
import type { Watchdog } from "../../programs/watchdog.ts";
import type { EngineClient } from "../engine/engine-client.ts";
import { type UndoStep, type UndoTask, undo } from "./undo-step.ts";

const ENTRY = workerEntry("./docker-undo.worker", import.meta.url);

export interface UndoParts {
  readonly engine: EngineClient;
  readonly programs: Programs;
}

export class UndoList {
  readonly #parts: UndoParts;
  readonly #watchdog: Watchdog;
  #steps: readonly UndoStep[] = [];
  #ending: Promise<void> | undefined;

  private constructor(parts: UndoParts) {
    this.#parts = parts;
    this.#watchdog = parts.programs.watch([process.execPath, fileURLToPath(ENTRY)]);
  }

  /** `end` must be called. */
  static async open(parts: UndoParts): Promise<UndoList> {
    const list = new UndoList(parts);
    await list.#tell([]);
    return list;
  }

  /** Before it is done: what is in the list is undone, whether it came to that or not. The last that was added is undone first. */
  async add(step: UndoStep): Promise<void> {
    await this.#tell([step, ...this.#steps]);
  }

  /** Undoes everything, also when some of it fails. May be called twice. @throws the first failure */
  end(): Promise<void> {
    return (this.#ending ??= this.#end());
  }

  async #end(): Promise<void> {
    const failures: unknown[] = [];
    const left: UndoStep[] = [];
    // To their end also when the capture is aborted; the engine's time limit holds.
    const { signal } = new AbortController();
    for (const step of this.#steps) {
      await undo(this.#parts.engine, step, { signal }).catch((error: unknown) => {
        failures.push(error);
        if (step.undo !== "command") left.push(step);
      });
    }
    // What stands still is tried once more by the other process, when this one has ended.
    if (left.length > 0) await this.#tell(left);
    else await this.#watchdog.dismiss();
    if (failures.length > 0) throw failures[0];
  }

  async #tell(steps: readonly UndoStep[]): Promise<void> {
    const { socket, source, limitMs } = this.#parts.engine.parts;
    const task: UndoTask = { socket, source, limitMs, steps };
    await this.#watchdog.tell(JSON.stringify(task));
    this.#steps = steps;
  }
}
