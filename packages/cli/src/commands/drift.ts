/** `holdfast drift`: what changed on a system. */
import type { RunCommand } from "../context.ts";
import { driftSource } from "../drift/drift-source.ts";
import { requireSources } from "../sources/meant-sources.ts";

export const run: RunCommand = async (context) => driftSource(context, await requireSources(context));
