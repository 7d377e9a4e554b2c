// The link gate: `node scripts/check-links.ts`. Every relative link in a Markdown file leads to a file, and its anchor to a heading.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { ownFiles, root } from "./workspace.ts";

/** What the gate saw. A problem is one line: file, line, what is wrong. */
export interface LinkReport {
  readonly files: number;
  readonly links: number;
  readonly problems: readonly string[];
}

const LINK = /\]\(\s*<?([^()\s<>]+)>?(?:\s+"[^"]*")?\s*\)|^\[[^\]]+\]:\s*(\S+)/g;
const ELSEWHERE = /^[a-z][a-z0-9+.-]*:/i;

/** Checks every Markdown file of the repository at `folder`. Links to other hosts are not followed. */
export function checkLinks(folder: string): LinkReport {
  const files = ownFiles(folder, "**/*.md");
  const problems: string[] = [];
  let links = 0;
  for (const path of files) {
    for (const { target, line } of linksOf(readFileSync(join(folder, path), "utf8"))) {
      links++;
      const problem = problemOf(folder, path, target);
      if (problem !== undefined) problems.push(`${path}:${line}: ${problem}`);
    }
  }
  return { files: files.length, links, problems };
}

/** The relative links of a text, outside of code. */
function* linksOf(text: string): Iterable<{ readonly target: string; readonly line: number }> {
  for (const { content, line } of proseOf(text)) {
    for (const [, inline, reference] of content.replaceAll(/`[^`]*`/g, "").matchAll(LINK)) {
      const target = inline ?? reference;
      if (target !== undefined && !ELSEWHERE.test(target)) yield { target, line };
    }
  }
}

/** The lines of a text that are not in a block of code. */
function* proseOf(text: string): Iterable<{ readonly content: string; readonly line: number }> {
  let fence: string | undefined;
  for (const [at, content] of text.split("\n").entries()) {
    const mark = /^\s*(`{3,}|~{3,})/.exec(content)?.[1];
    if (fence === undefined && mark === undefined) yield { content, line: at + 1 };
    else if (fence === undefined) fence = mark;
    else if (mark?.startsWith(fence) === true) fence = undefined;
  }
}

function problemOf(folder: string, path: string, target: string): string | undefined {
  const [file = "", anchor] = target.split("#", 2);
  const place = file === "" ? join(folder, path) : resolve(folder, dirname(path), decodeURIComponent(file));
  if (!existsSync(place)) return `'${target}' does not exist`;
  if (anchor === undefined || !place.endsWith(".md")) return undefined;
  const known = anchorsOf(readFileSync(place, "utf8"));
  return known.has(anchor) ? undefined : `${relative(folder, place)} has no heading '#${anchor}'`;
}

/** The anchors that a text's headings have, as GitHub makes them. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const { content } of proseOf(text)) {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(content)?.[1];
    if (heading === undefined) continue;
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = plain.replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "").replaceAll(" ", "-");
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

if (import.meta.main) {
  const { files, links, problems } = checkLinks(root);
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.stdout.write(`links: ${links} in ${files} files, ${problems.length} problems\n`);
  if (problems.length > 0 || links === 0) process.exitCode = 1;
}
