/** What labels of a container say to Holdfast, and to compose. */
import { splitWords } from "@holdfast/base";
import { sourcesError } from "../errors.ts";
import type { EngineContainer } from "./engine/answers.ts";

/** How a container comes to rest while it is read. */
export type Rest = "stop" | "pause" | undefined;

export interface ContainerLabels {
  /** It has nothing that is to be captured. */
  readonly ignore: boolean;
  readonly rest: Rest;
  /** Commands inside it, each a program and its arguments. */
  readonly before: readonly string[] | undefined;
  readonly after: readonly string[] | undefined;
  readonly project: string | undefined;
  /** Files of compose, and of its variables. */
  readonly composeFiles: readonly string[];
  /** Services of the same project that it needs. */
  readonly needs: readonly string[];
  readonly service: string | undefined;
}

const COMPOSE = "com.docker.compose";

/** @throws SOURCES_SETTINGS for a label of Holdfast's that makes no sense: what was meant to come to rest must not be read as it runs */
export function labelsOf(container: EngineContainer, source: string): ContainerLabels {
  const { Labels: labels } = container.Config;
  const unusable = (label: string, reason: string): Error =>
    sourcesError("SOURCES_SETTINGS", {
      source,
      reason: `the label ${label} of container ${nameOf(container)} ${reason}`,
    });
  const words = (label: string): readonly string[] | undefined => {
    const text = labels[label];
    if (text === undefined) return undefined;
    const split = splitWords(text);
    if (split === undefined || split.length === 0) throw unusable(label, "is no command");
    return split;
  };
  const choice = (label: string, values: readonly string[]): string | undefined => {
    const value = labels[label];
    if (value !== undefined && !values.includes(value)) throw unusable(label, `is not one of ${values.join(", ")}`);
    return value;
  };
  const stop = choice("holdfast.stop", ["true", "pause", "false"]);
  const project = labels[`${COMPOSE}.project`];
  const lists = [labels[`${COMPOSE}.project.config_files`], labels[`${COMPOSE}.project.environment_file`]];
  const folder = labels[`${COMPOSE}.project.working_dir`];
  const files = lists.flatMap((list) => (list ?? "").split(",")).filter((path) => path.startsWith("/"));
  return {
    ignore: choice("holdfast.ignore", ["true", "false"]) === "true",
    rest: stop === "true" ? "stop" : stop === "pause" ? "pause" : undefined,
    before: words("holdfast.exec-before"),
    after: words("holdfast.exec-after"),
    project,
    // Compose reads it by itself, and says nothing of it.
    composeFiles: folder?.startsWith("/") === true ? [...files, `${folder}/.env`] : files,
    needs: (labels[`${COMPOSE}.depends_on`] ?? "").split(",").flatMap((each) => each.split(":")[0] || []),
    service: labels[`${COMPOSE}.service`],
  };
}

/** The engine writes names with a slash before them. */
export function nameOf(container: EngineContainer): string {
  return container.Name.replace(/^\//, "");
}
