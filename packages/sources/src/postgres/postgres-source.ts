/** A PostgreSQL cluster. How it is captured is a matter of the configuration; how it is restored, one of the capture. */
import type { StoredFacts } from "../contract/facts.ts";
import type { Source } from "../contract/source.ts";
import type { SourceSurroundings } from "../contract/surroundings.ts";
import { sourcesError } from "../errors.ts";
import { dumpMethod } from "./dump/dump-method.ts";
import type { MethodParts } from "./method.ts";
import { physicalMethod } from "./physical/physical-method.ts";
import { walSource } from "./physical/wal-source.ts";
import type { PostgresSettings } from "./settings.ts";

const METHODS: Readonly<Record<string, (parts: MethodParts) => Source>> = {
  dump: dumpMethod,
  physical: physicalMethod,
};

export function postgresSource(name: string, settings: PostgresSettings, surroundings: SourceSurroundings): Source {
  const parts = { name, source: `source ${name}`, settings, surroundings };
  const configured = methodOf(settings.method, parts);
  return {
    forms: configured.forms,
    capture: (options) => configured.capture(options),
    restore: async (captured, options) => capturedBy(captured.facts, parts).restore(captured, options),
    prove: async (captured, options) => capturedBy(captured.facts, parts).prove(captured, options),
    reaches: (facts, until) => capturedBy(facts, parts).reaches?.(facts, until) ?? false,
    journal: walSource(parts),
  };
}

/** Also where the configuration has changed to another method since. */
function capturedBy({ detail }: StoredFacts, parts: MethodParts): Source {
  return methodOf(String(detail["method"]), parts);
}

function methodOf(name: string, parts: MethodParts): Source {
  const method = METHODS[name];
  if (method !== undefined) return method(parts);
  throw sourcesError("SOURCES_UNSUPPORTED", {
    source: parts.source,
    what: `the method ${name}`,
    reason: "this version does not know it",
  });
}
