/** Modules that run as threads. */

/** The URL of a worker module beside the caller, whether it runs from source or from a build. */
export function workerEntry(name: string, callerUrl: string): URL {
  return new URL(`${name}${callerUrl.endsWith(".ts") ? ".ts" : ".js"}`, callerUrl);
}
