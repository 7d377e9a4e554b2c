/** The method `dump`: every database as PostgreSQL's own dump, and what they share. */
import type { Source } from "../../contract/source.ts";
import type { MethodParts } from "../method.ts";
import { captureDumps } from "./dump-capture.ts";
import { proveDumps } from "./dump-proof.ts";
import { DUMP_FORMS, restoreDumps } from "./dump-restore.ts";

export function dumpMethod(parts: MethodParts): Source {
  return {
    forms: DUMP_FORMS,
    capture: (options) => captureDumps(parts, options),
    restore: (captured, options) => restoreDumps(parts, captured, options),
    prove: (captured, options) => proveDumps(parts, captured, options),
  };
}
