/** A capture of which a part has been lost, for tests of restores that fail half way. */
import type { CapturedTree } from "../contract/captured-tree.ts";
import { sourcesError } from "../errors.ts";

/**
 * @param lost a file or folder of the capture; it can be listed, but neither read nor extracted by its name
 * @param onAsked called when somebody has tried
 */
export function withoutPart(captured: CapturedTree, lost: string, onAsked = (): void => {}): CapturedTree {
  const refuse = (path: string | undefined): void => {
    if (path !== lost) return;
    onAsked();
    throw sourcesError("SOURCES_DAMAGED", { what: lost, reason: "it has been lost" });
  };
  return {
    facts: captured.facts,
    list: (folder, options) => captured.list(folder, options),
    spotCheck: (path, options) => captured.spotCheck(path, options),
    async extract(path, folder, options) {
      refuse(path);
      await captured.extract(path, folder, options);
    },
    async *read(path, options) {
      refuse(path);
      yield* captured.read(path, options);
    },
  };
}
