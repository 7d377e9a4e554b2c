/** Types of settings that several kinds have. Each says in its own words what is wrong. */
import { messageOf, parseDuration } from "@holdfast/base";
import { PatternSet, parseSizeBytes } from "@holdfast/engine";
import { z } from "zod";

/** A time such as `30s`, `5m`, `1h30m` or `1d`, in milliseconds. */
export const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue("give a time such as 30s, 5m, 1h30m or 1d");
  return z.NEVER;
});

/** A size such as `512`, `10k`, `5M` or `2G`, in bytes. */
export const size = z.union([z.int().nonnegative(), z.string()]).transform((value, context) => {
  if (typeof value === "number") return value;
  try {
    return parseSizeBytes(value);
  } catch {
    context.addIssue("give a size such as 512, 10k, 5M or 2G");
    return z.NEVER;
  }
});

/** A program and its arguments, run without a shell. */
export const commandLine = z
  .array(z.string())
  .min(1, "name a program")
  .refine(([program]) => program !== "", "name a program");

/** An absolute path. */
export const absolutePath = z
  .string()
  .startsWith("/", "give an absolute path")
  .refine((path) => !path.includes("\0"), "a path has no NUL character");

/** A pattern of paths that are left out, as `backup --exclude` takes it. */
export const pathPattern = z.string().superRefine((text, context) => {
  try {
    PatternSet.parse([text], { ignoreCase: false });
  } catch (error) {
    context.addIssue(messageOf(error));
  }
});

/** Where a secret is: in a variable, a file, or the output of a command. */
export const secretReference = z.union(
  [
    z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "give the name of a variable") }),
    z.strictObject({ file: absolutePath }),
    z.strictObject({ command: commandLine }),
  ],
  { error: "a secret is not written here: give `env: NAME`, `file: /path` or `command: [program, argument]`" },
);
