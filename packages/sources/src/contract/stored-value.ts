/** What a capture holds was written by us, and may be damaged or forged all the same: its shape is looked at before it is used. */
import { z } from "zod";
import { sourcesError } from "../errors.ts";

/** @param what for messages: the file that it stands in @throws SOURCES_DAMAGED when it has another shape */
export function storedValue<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw sourcesError("SOURCES_DAMAGED", { what, reason: z.prettifyError(parsed.error) });
}

/** As `storedValue`, of the bytes of a file of JSON. */
export function storedJson<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw sourcesError("SOURCES_DAMAGED", { what, reason: "it is no JSON" }, error);
  }
  return storedValue(schema, value, what);
}
