/** What a restore sets for itself. */
import { z } from "zod";
import { sourcesError } from "../errors.ts";

/** Where a restore has nothing to set. */
export const NO_SETTINGS = z.strictObject({});

/**
 * @param schema knows just what a restore may set: what has no effect must not be taken in silence
 * @param source for messages
 * @throws SOURCES_SETTINGS
 */
export function restoreSettings<S extends z.ZodType>(
  schema: S,
  given: Readonly<Record<string, unknown>> | undefined,
  source: string,
): z.infer<S> {
  const parsed = schema.safeParse(given ?? {});
  if (parsed.success) return parsed.data;
  throw sourcesError("SOURCES_SETTINGS", { source, reason: parsed.error.issues.map(sentence).join("; ") });
}

/**
 * As `restoreSettings`, for settings that the source has as well: those count where the restore says nothing.
 * @param own of the source; their values must be as the configuration would have them
 */
export function changedSettings<S extends z.ZodObject>(
  schema: S,
  own: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>> | undefined,
  source: string,
): z.infer<S> {
  const kept = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, own[name]]));
  return restoreSettings(schema, { ...kept, ...given }, source);
}

function sentence(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") return `a restore cannot set ${issue.keys.join(", ")}`;
  return issue.path.length === 0 ? issue.message : `${issue.path.join(".")}: ${issue.message}`;
}
