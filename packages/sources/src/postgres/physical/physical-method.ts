/** The method `physical`: the files of the whole cluster, which its WAL brings to any later time. */
import type { Source } from "../../contract/source.ts";
import type { MethodParts } from "../method.ts";
import { capturePhysical } from "./physical-capture.ts";
import { provePhysical } from "./physical-proof.ts";
import { PHYSICAL_FORMS, restorePhysical } from "./physical-restore.ts";
import { physicalReaches } from "./recovery.ts";

export function physicalMethod(parts: MethodParts): Source {
  return {
    forms: PHYSICAL_FORMS,
    capture: (options) => capturePhysical(parts, options),
    restore: (captured, options) => restorePhysical(parts, captured, options),
    prove: (captured, options) => provePhysical(parts, captured, options),
    reaches: physicalReaches,
  };
}
