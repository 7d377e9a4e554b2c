/** What the configuration says of a source of kind `command`. */
import { z } from "zod";
import { absolutePath, commandLine, duration, size } from "../contract/setting-types.ts";

export const commandSettings = z
  .strictObject({
    capture: commandLine
      .optional()
      .describe("The program whose standard output is stored as one file; it fails when the program does."),
    output: z
      .string()
      .regex(/^[^/\0]{1,255}$/, "give a file name without slashes")
      .default("output")
      .describe("The name of that file in the snapshot."),
    folder: absolutePath
      .optional()
      .describe("A folder that is stored, instead of or besides the output; a hook `before` may fill it."),
    restore: commandLine
      .optional()
      .describe(
        "Brings it back. It gets the output as its standard input, and HOLDFAST_FOLDER names a folder with all that was captured.",
      ),
    prove: commandLine
      .optional()
      .describe("Examines what was captured, in the folder that HOLDFAST_FOLDER names; exit code 0 is a pass."),
    variables: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
      .default({})
      .describe("Variables of the environment for all of its commands; no secrets."),
    "minimum-size": size.default(1).describe("An output that is smaller is taken for a failure."),
    "time-limit": duration.prefault("6h").describe("How long the capture may take."),
  })
  .refine(({ capture, folder }) => capture !== undefined || folder !== undefined, {
    message: "give `capture`, `folder` or both: otherwise there is nothing to store",
  });

export type CommandSettings = z.infer<typeof commandSettings>;
