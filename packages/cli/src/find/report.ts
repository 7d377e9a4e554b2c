/** Prints what a search finds, as soon as it is found: as text, or as one JSON document over many lines. */
import type { FoundBatch, FoundEntry, StoredSnapshot, TreeNode } from "@holdfast/engine";
import { displayPath } from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { formatLocalTime } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";
import { entryJson } from "./entry-json.ts";
import { longLine } from "./long-line.ts";

/** Takes batches in their order. */
export interface FindReport {
  add(batch: FoundBatch): void;
  /** Called once, after the last batch. */
  end(): void;
}

export interface ReportOptions {
  /** Whether blobs were searched for. */
  readonly objects: boolean;
  readonly long: boolean;
  /** Sizes with units. */
  readonly units: boolean;
  /** The packs in which a blob lies, when they shall be told with it. */
  readonly packsOf?: ((object: FoundEntry["objects"][number]) => readonly string[]) | undefined;
}

export function findReport(output: Output, options: ReportOptions): FindReport {
  if (output.settings.json) return options.objects ? objectsAsJson(output, options) : entriesAsJson(output);
  return options.objects ? objectsAsText(output) : entriesAsText(output, options);
}

function entriesAsText(output: Output, { long, units }: ReportOptions): FindReport {
  let current: StoredSnapshot | undefined;
  return {
    add: ({ stored, entries }) => {
      if (stored !== current && !output.settings.quiet) {
        const time = formatLocalTime(stored.snapshot.timeNs);
        if (current !== undefined) output.print("");
        output.print(`Found matching entries in snapshot ${shortId(stored.id)} from ${time}`);
      }
      current = stored;
      for (const { path, node } of entries) {
        output.print(long && node !== undefined ? longLine(path, node, { units }) : displayPath(path));
      }
    },
    end: () => {},
  };
}

/** `[{"matches": […], "hits": 2, "snapshot": "…"}, …]` */
function entriesAsJson(output: Output): FindReport {
  let current: StoredSnapshot | undefined;
  let hits = 0;
  const close = (): string => (current === undefined ? "" : `],"hits":${hits},"snapshot":"${current.id}"}`);
  return {
    add: ({ stored, entries }) => {
      if (stored !== current) {
        output.print(`${current === undefined ? "[" : `${close()},`}{"matches":[`);
        current = stored;
        hits = 0;
      }
      for (const { path, node } of entries) {
        output.print(`${hits++ > 0 ? "," : ""}${entryJson(path, node as TreeNode)}`);
      }
    },
    end: () => output.print(current === undefined ? "[]" : `${close()}]`),
  };
}

function objectsAsText(output: Output): FindReport {
  return {
    add: ({ stored, entries }) => {
      const snapshot = ` ... in snapshot ${shortId(stored.id)} (${formatLocalTime(stored.snapshot.timeNs)})`;
      for (const { path, objects } of entries) {
        for (const { type, id, parentTree } of objects) {
          output.print(`Found ${type === "data" ? "blob" : "tree"} ${id}`);
          output.print(type === "data" ? ` ... in file ${displayPath(path)}` : ` ... path ${displayPath(path)}`);
          if (type === "data") output.print(`     (tree ${parentTree})`);
          output.print(snapshot);
        }
      }
    },
    end: () => {},
  };
}

/** `[{"object_type": "blob", "id", "path", "parent_tree", "snapshot", "time"}, …]` */
function objectsAsJson(output: Output, { packsOf }: ReportOptions): FindReport {
  let hits = 0;
  return {
    add: ({ stored, entries }) => {
      for (const { path, objects } of entries) {
        for (const object of objects) {
          const json = JSON.stringify({
            object_type: object.type === "data" ? "blob" : "tree",
            id: object.id,
            path,
            parent_tree: object.type === "data" ? object.parentTree : undefined,
            snapshot: stored.id,
            time: stored.snapshot.time,
            packs: packsOf?.(object),
          });
          output.print(`${hits++ > 0 ? "," : "["}${json}`);
        }
      }
    },
    end: () => output.print(hits > 0 ? "]" : "[]"),
  };
}
