// Pieces of Markdown, and a way to load modules of packages that are no entry of theirs.
import { statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Loads a module of the repository by its path. @throws ENOENT when it does not exist */
export async function loadModule<Module>(folder: string, path: string): Promise<Module> {
  const file = join(folder, path);
  statSync(file);
  return (await import(pathToFileURL(file).href)) as Module;
}

/** A table; the cells are Markdown already. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, headings.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Plain text as Markdown, fit for a cell of a table: backquotes keep their meaning, everything else is shown as it is. */
export function cell(text: string): string {
  const parts = text.replaceAll("|", "\\|").split(/(`[^`]*`)/);
  return parts.map((part) => (part.startsWith("`") ? part : part.replace(/[<*[]|\b_|_\b/g, "\\$&"))).join("");
}
