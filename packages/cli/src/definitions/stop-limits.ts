/** Options that say where `holdfast forget` stops. */
import type { OptionDefinition } from "./definition.ts";

export const STOP_LIMITS: readonly OptionDefinition[] = [
  {
    flags: "--max-forget-share <x%>",
    description: "stop when more than this share of a group, or of all snapshots, would go",
    defaultText: "50%, from ten snapshots on",
    completes: "nothing",
  },
  {
    flags: "--max-forget-count <n>",
    description: "stop when more than n snapshots would go; or unlimited",
    defaultText: "1000",
    completes: "nothing",
  },
  {
    flags: "--max-unseen <n>",
    description:
      "spare a group without a new snapshot for more than n of its longest recent pauses; 0 for no such limit",
    defaultText: "2",
    completes: "nothing",
  },
  {
    flags: "--max-shrink <x%>",
    description:
      "spare a group whose newest snapshot is empty, or smaller than usual by more than this share, in files or bytes; 100% for no such limit",
    defaultText: "30%",
    completes: "nothing",
  },
  {
    flags: "--sizes-from <time>",
    description: "for that limit, do not count snapshots from before this time: the source has become smaller since",
    completes: "nothing",
  },
  {
    flags: "--max-silence <duration>",
    description: "stop when nothing arrived for longer than this, such as 30d; 0 for no such limit",
    defaultText: "30d",
    completes: "nothing",
  },
  {
    flags: "--allow <stop>",
    description: "go on although the plan was stopped for this reason",
    choices: ["too-large-share", "too-many", "group-unseen", "shrunken", "clock-behind", "clock-ahead"],
    repeatable: true,
  },
];
