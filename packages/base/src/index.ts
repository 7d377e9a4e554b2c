export {
  type ErrorDetails,
  type ErrorKind,
  type ErrorTemplate,
  type SerializedError,
  HoldfastError,
  errorMaker,
  isAbort,
  isHoldfastError,
  messageOf,
  systemCode,
} from "./errors.ts";
export { Semaphore, forEachConcurrent, mapConcurrent } from "./concurrency.ts";
export { Secret } from "./secret.ts";
export { splitWords } from "./split-words.ts";
export { endingWithUs, findProgram } from "./find-program.ts";
export { workerEntry } from "./worker-entry.ts";
export { parseDuration } from "./duration.ts";
export { processStart } from "./process-start.ts";
export { printedBy } from "./printed-by.ts";
export { isWithin } from "./is-within.ts";
export { orAborted } from "./or-aborted.ts";
