/** From the text of a configuration to its values, or to a list of what is wrong, each with its line and column. */
import { LineCounter, type Document, type Node, isMap, isNode, isScalar, parseDocument } from "yaml";
import type { z } from "zod";
import { protectionError } from "../errors.ts";
import { type Configuration, type SourceConfiguration, configurationSchema } from "./schema.ts";

const MAX_SHOWN = 20;

interface Problem {
  readonly offset: number;
  readonly text: string;
}

/**
 * @param path for messages, and where relative things would start
 * @throws PROTECTION_CONFIG_INVALID
 */
export function parseConfiguration(text: string, path: string): Configuration {
  const lines = new LineCounter();
  // Aliases may multiply: a small file must not fill the memory.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2", stringKeys: true });
  const refuse = (problems: readonly Problem[]): never => {
    const shown = problems.slice(0, MAX_SHOWN).map(({ offset, text: what }) => {
      const { line, col } = lines.linePos(Math.max(0, offset));
      return `${path}:${line}:${col}: ${what}`;
    });
    if (problems.length > MAX_SHOWN) shown.push(`and ${problems.length - MAX_SHOWN} more`);
    throw protectionError("PROTECTION_CONFIG_INVALID", { path, problems: shown.join("\n") });
  };
  const { errors, warnings } = document;
  if (errors.length + warnings.length > 0) {
    refuse([...errors, ...warnings].map(({ pos, message }) => ({ offset: pos[0], text: message })));
  }
  const parsed = configurationSchema.safeParse(valueOf(document, refuse) ?? {});
  if (!parsed.success) return refuse(parsed.error.issues.flatMap((issue) => problemsOf(issue, document)));
  const { repositories, sources, waivers, scratch } = parsed.data;
  return {
    path,
    repositories: new Map(Object.entries(repositories)),
    sources: new Map(
      Object.entries(sources).map(([name, source]): [string, SourceConfiguration] => [name, { ...source, name }]),
    ),
    waivers,
    scratch,
  };
}

function valueOf(document: Document, refuse: (problems: readonly Problem[]) => never): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return refuse([{ offset: 0, text: error instanceof Error ? error.message : String(error) }]);
  }
}

function problemsOf(issue: z.core.$ZodIssue, document: Document): Problem[] {
  const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      offset: offsetOf(document, [...path, key]),
      text: `${shownPath([...path, key])}: there is no such setting`,
    }));
  }
  const isMissing = issue.code !== "custom" && !document.hasIn(path);
  const text = isMissing ? "it is missing" : lowerFirst(messageOf(issue));
  return [{ offset: offsetOf(document, path), text: `${shownPath(path)}: ${text}` }];
}

/** Of several ways in which a value could be right, the one whose message says most: ours, where we wrote one. */
function messageOf(issue: z.core.$ZodIssue): string {
  return issue.message;
}

/** Where a setting stands: its key, where there is one; else that of the next above it. */
function offsetOf(document: Document, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const above = document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    const key = isMap(above)
      ? above.items.find(({ key: each }) => isScalar(each) && String(each.value) === String(last))?.key
      : undefined;
    const node = key ?? document.getIn(path.slice(0, length), true);
    const range = isNode(node) ? (node as Node).range : undefined;
    if (range !== undefined && range !== null) return range[0];
  }
  return 0;
}

function shownPath(path: readonly (string | number)[]): string {
  if (path.length === 0) return "the file";
  return path.map((part, at) => (typeof part === "number" ? `[${part}]` : `${at === 0 ? "" : "."}${part}`)).join("");
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
