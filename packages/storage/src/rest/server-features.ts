/** What a server says that it can beyond restic's protocol: the header `Holdfast-Rest` (docs/format.md). */
import type { HttpAnswer } from "../http/http-answer.ts";

/** `own-files`, `if-absent`, `received`, `verified`, `plans`; others may come and mean nothing here. */
export type ServerFeatures = ReadonlySet<string>;

export const NO_FEATURES: ServerFeatures = new Set();

/** The features that an answer announces; `undefined` when it announces none, as answers of proxies on the way do. */
export function announcedFeatures(answer: HttpAnswer): ServerFeatures | undefined {
  const text = answer.header("holdfast-rest");
  const match = /^1(?:;|$)(?:.*?\bfeatures="(?<features>[^"]*)")?/.exec(text ?? "");
  if (match === null) return undefined;
  return new Set((match.groups?.["features"] ?? "").split(",").map((feature) => feature.trim()));
}
