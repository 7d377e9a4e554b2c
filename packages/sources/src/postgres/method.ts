/** What a method of capture is given: the source that it works for. */
import type { SourceSurroundings } from "../contract/surroundings.ts";
import type { PostgresSettings } from "./settings.ts";

export interface MethodParts {
  /** As the configuration calls it. */
  readonly name: string;
  /** For messages: `source shop`. */
  readonly source: string;
  readonly settings: PostgresSettings;
  readonly surroundings: SourceSurroundings;
}
