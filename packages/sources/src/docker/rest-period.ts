/** The time in which containers stand still so that their volumes can be read. */
import type { CallOptions, SourceWarning } from "../contract/source.ts";
import type { Consistency } from "../contract/facts.ts";
import { sourcesError } from "../errors.ts";
import { CONTAINER } from "./engine/answers.ts";
import { runInside } from "./engine/run-inside.ts";
import type { ChosenContainer } from "./inventory.ts";
import type { Rest } from "./labels.ts";
import type { DockerSettings } from "./settings.ts";
import { UndoList, type UndoParts } from "./undo/undo-list.ts";
import { stopCall } from "./undo/undo-step.ts";

/** What is done with a container. */
export interface RestPlan {
  readonly container: ChosenContainer;
  readonly rest: Rest;
  readonly consistency: Consistency;
}

/** @param hasData whether anything of it is read that it may write to */
export function planRest(
  container: ChosenContainer,
  { stop }: DockerSettings,
  { hasData, onWarning }: { hasData: boolean; onWarning: (warning: SourceWarning) => void },
): RestPlan {
  const { labels, inspected, name } = container;
  if (!inspected.State.Running || !hasData) return { container, rest: undefined, consistency: "application" };
  // One that somebody has paused stays so.
  if (inspected.State.Paused) return { container, rest: undefined, consistency: "crash" };
  const usual = stop === "always" && inspected.Config.Labels["holdfast.stop"] !== "false" ? "stop" : undefined;
  let rest = stop === "never" ? undefined : (labels.rest ?? usual);
  if (rest === "stop" && inspected.HostConfig.AutoRemove) {
    rest = "pause";
    const message = `container ${name} would be removed with its anonymous volumes if it were stopped (--rm), so it is paused`;
    onWarning({ code: "not-stopped", message });
  }
  const isPrepared = rest === "stop" || labels.before !== undefined;
  return { container, rest, consistency: isPrepared ? "application" : rest === "pause" ? "crash" : "none" };
}

export class RestPeriod {
  readonly #parts: UndoParts;
  readonly #resting: RestPlan[] = [];
  #undo: Promise<UndoList> | undefined;
  #beginning: Promise<void> = Promise.resolve();

  constructor(parts: UndoParts) {
    this.#parts = parts;
  }

  /** Runs commands, then stops and pauses, those first that need others. @throws SOURCES_TOOL_FAILED, SOURCES_TOO_LONG */
  begin(plans: readonly RestPlan[], options: CallOptions): Promise<void> {
    this.#beginning = this.#begin(plans, options);
    return this.#beginning;
  }

  /** Whatever came to rest goes on. May be called twice, and while it begins. @throws what could not be undone */
  async end(): Promise<void> {
    await this.#beginning.catch(() => {});
    await (await this.#undo)?.end();
  }

  /**
   * Services start again what was stopped, and people do. To be asked before `end`.
   * @throws SOURCES_INTERRUPTED when a container has not stood still all the time, and as `EngineClient`
   */
  async assertHeld(options: CallOptions): Promise<void> {
    const { engine } = this.#parts;
    for (const { container, rest } of this.#resting) {
      const { Id, State: before } = container.inspected;
      const found = await engine.jsonIfThere(CONTAINER, { path: ["containers", Id, "json"] }, options);
      // What is gone has written nothing.
      if (found === undefined) continue;
      const { Running, Paused, StartedAt } = found.State;
      if (StartedAt === before.StartedAt && (rest === "stop" ? !Running : Paused || !Running)) continue;
      const reason = `container ${container.name} did not stand still while its files were read, so the snapshot holds them as of no one moment`;
      const how = `Find what starts it: where that is a service of systemd, stop and start that by the source's hooks; or label it holdfast.stop=pause. Then capture it again.`;
      throw sourcesError("SOURCES_INTERRUPTED", { source: engine.parts.source, reason, how });
    }
  }

  async #begin(plans: readonly RestPlan[], options: CallOptions): Promise<void> {
    const busy = inOrder(plans).filter(({ container: { labels, inspected }, rest }) => {
      return (
        inspected.State.Running && (rest !== undefined || labels.before !== undefined || labels.after !== undefined)
      );
    });
    if (busy.length === 0) return;
    this.#undo = UndoList.open(this.#parts);
    const undo = await this.#undo;
    for (const { container } of busy) await this.#prepare(undo, container, options);
    for (const plan of busy) {
      const { container, rest } = plan;
      if (rest === undefined) continue;
      options.signal.throwIfAborted();
      const { Id: id, Config } = container.inspected;
      // Podman shows 0 for a container that was made without one, and would kill it at once.
      const stopSeconds = Config.StopTimeout || undefined;
      const { name } = container;
      const stop = stopSeconds === undefined ? {} : { stopSeconds };
      await undo.add({ container: id, name, undo: rest === "stop" ? "start" : "unpause", ...stop });
      // Not given up in the middle: the engine would go on with it, and later than what undoes it.
      const { signal } = new AbortController();
      const call = rest === "stop" ? stopCall(id, stopSeconds) : { path: ["containers", id, "pause"] };
      await this.#parts.engine.run(call, { signal });
      this.#resting.push(plan);
    }
    options.signal.throwIfAborted();
  }

  async #prepare(undo: UndoList, { name, labels, inspected }: ChosenContainer, options: CallOptions): Promise<void> {
    const { engine } = this.#parts;
    if (labels.after !== undefined) {
      await undo.add({ container: inspected.Id, name, undo: "command", words: labels.after });
    }
    if (labels.before === undefined) return;
    const { exitCode, said } = await runInside(engine, inspected.Id, labels.before, options);
    if (exitCode === 0) return;
    const reason = `holdfast.exec-before in container ${name}: exit code ${exitCode}: ${said}`;
    throw sourcesError("SOURCES_TOOL_FAILED", { source: engine.parts.source, tool: labels.before[0] ?? "", reason });
  }
}

/** Those that need others of their project before these. */
function inOrder(plans: readonly RestPlan[]): RestPlan[] {
  const depth = ({ container }: RestPlan, above: readonly RestPlan[]): number => {
    const { project, needs } = container.labels;
    const needed = plans.filter(({ container: { labels } }) => {
      return labels.project === project && labels.service !== undefined && needs.includes(labels.service);
    });
    // A circle cannot be: compose refuses it. Labels that somebody made up must not keep us here.
    return (
      1 + Math.max(0, ...needed.filter((each) => !above.includes(each)).map((each) => depth(each, [...above, each])))
    );
  };
  return plans
    .map((plan) => ({ plan, at: depth(plan, [plan]) }))
    .toSorted((a, b) => b.at - a.at)
    .map(({ plan }) => plan);
}
