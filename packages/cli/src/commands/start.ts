/** `holdfast start`: protects folders, step by step. What it does is in @holdfast/protection. */
import { protect } from "@holdfast/protection";
import type { RunCommand } from "../context.ts";

export const run: RunCommand = (context) => protect(context);
