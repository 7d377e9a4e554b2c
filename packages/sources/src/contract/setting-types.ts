/** Types of settings that several kinds have. Each says in its own words what is wrong. */
import { z } from "zod";

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const UNITS_BYTES: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** A time such as `30s`, `5m`, `2h` or `1d`, in milliseconds. */
export const duration = z
  .string()
  .regex(/^\d{1,6}[smhd]$/, "give a time such as 30s, 5m, 2h or 1d")
  .transform((text) => Number(text.slice(0, -1)) * (UNITS_MS[text.slice(-1)] as number));

/** A size such as `512`, `10k`, `5M` or `2G`, in bytes. */
export const size = z
  .union([z.int().nonnegative(), z.string().regex(/^\d{1,12}[kmgt]?$/i, "give a size such as 512, 10k, 5M or 2G")])
  .transform((value) => {
    if (typeof value === "number") return value;
    const unit = /[a-z]$/i.exec(value)?.[0]?.toLowerCase() ?? "";
    return Number.parseInt(value, 10) * (UNITS_BYTES[unit] as number);
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

/** Where a secret is: in a variable, a file, or the output of a command. */
export const secretReference = z.union(
  [
    z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "give the name of a variable") }),
    z.strictObject({ file: absolutePath }),
    z.strictObject({ command: commandLine }),
  ],
  { error: "a secret is not written here: give `env: NAME`, `file: /path` or `command: [program, argument]`" },
);
