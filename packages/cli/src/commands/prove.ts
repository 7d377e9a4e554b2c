/** `holdfast prove`: proves that sources can be restored. */
import type { RunCommand } from "../context.ts";
import { proveSources } from "../sources/prove-sources.ts";
import { requireSources } from "../sources/meant-sources.ts";

export const run: RunCommand = async (context) => proveSources(context, await requireSources(context));
