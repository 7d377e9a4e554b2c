// Reads every import of a source file: static and dynamic, `import type`, re-exports, types as `import("x")`, worker URLs.
import { parseSync, Visitor } from "oxc-parser";

/** How a file names another. `url` is `new URL("./x", import.meta.url)`. */
export type ImportKind = "value" | "type" | "dynamic" | "url";

/** One import. `specifier` is undefined when it is computed while the program runs. */
export interface Import {
  readonly kind: ImportKind;
  readonly specifier: string | undefined;
  readonly line: number;
}

/** All imports of a file's text, in order of their lines. @throws Error when the text cannot be parsed */
export function readImports(path: string, text: string): Import[] {
  const { module, program, errors } = parseSync(path, text);
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`);
  const found: Import[] = [];
  const add = (kind: ImportKind, specifier: string | undefined, offset: number): void => {
    found.push({ kind, specifier, line: text.slice(0, offset).split("\n").length });
  };
  for (const { moduleRequest, entries, start } of module.staticImports) {
    const typesOnly = entries.length > 0 && entries.every((entry) => entry.isType);
    add(typesOnly ? "type" : "value", moduleRequest.value, start);
  }
  for (const { entries, start } of module.staticExports) {
    const from = entries.find((entry) => entry.moduleRequest !== null)?.moduleRequest ?? undefined;
    if (from !== undefined) add(entries.every((entry) => entry.isType) ? "type" : "value", from.value, start);
  }
  new Visitor({
    ImportExpression({ source, start }) {
      add("dynamic", literal(source), start);
    },
    TSImportType({ source, start }) {
      add("type", source.value, start);
    },
    NewExpression({ callee, arguments: [first, second], start }) {
      if (callee.type !== "Identifier" || callee.name !== "URL" || first === undefined) return;
      if (second?.type !== "MemberExpression" || second.object.type !== "MetaProperty") return;
      const specifier = literal(first);
      if (specifier !== undefined) add("url", specifier, start);
    },
  }).visit(program);
  return found.toSorted((a, b) => a.line - b.line);
}

function literal(node: { readonly type: string; readonly value?: unknown }): string | undefined {
  return node.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}
