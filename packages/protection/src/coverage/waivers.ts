/** Which waiver, if any, is about a candidate. */
import { PatternSet } from "@holdfast/engine";
import type { Candidate } from "@holdfast/sources";
import type { Waiver } from "../configuration/schema.ts";

/** Whether it holds on this day. @param today as `2026-11-29` */
export function isExpired({ until }: Waiver, today: string): boolean {
  return until < today;
}

/** @param waiver whose `what` is an id, an id with `*`, or an absolute path or pattern; that of a folder is about all in it */
export function isAbout({ what }: Waiver, { id, paths }: Pick<Candidate, "id" | "paths">): boolean {
  if (what === id) return true;
  if (!what.startsWith("/")) return what.includes("*") && asExpression(what).test(id);
  const patterns = PatternSet.parse([what]);
  return paths.length > 0 && paths.every((path) => patterns.matches(path));
}

function asExpression(what: string): RegExp {
  const parts = what.split("*").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`);
}
