/** Definitions of the commands about plans for removals. */
import type { CommandDefinition, OptionDefinition } from "./definition.ts";

/** Of the commands that propose plans. */
export const REASON: OptionDefinition = {
  flags: "--reason <text>",
  description: "why, for those who approve: where a server removes by plans, see `holdfast removal`",
  completes: "nothing",
};

const HASH = {
  name: "hash",
  description: "hash of the plan, or at least its first 8 digits",
  required: true,
  completes: "nothing",
} as const;

function keyOption(description: string): OptionDefinition {
  return { flags: "--key <file>", description, environment: "APPROVAL_KEY", completes: "file" };
}

const removal: CommandDefinition = {
  name: "removal",
  group: "Servers:",
  summary: "plans for removals at a server: look, approve, cancel",
  description: [
    "A server with --removal-delay or --approvers removes nothing but by plans. `holdfast forget` and `holdfast prune` propose one and remove nothing; when its time has come and enough people have approved it, the same command carries it out.",
    "These commands speak to the server of the repository that -r names, as any client that may use the repository. The repository's password is not needed.",
  ],
  subcommands: [
    {
      name: "list",
      summary: "list the plans of a repository",
      description: ["Lists plans that wait or are approved, with what they wait for."],
      options: [{ flags: "--all", description: "also those that were carried out, cancelled, or have expired" }],
      load: () => import("../commands/removal-list.ts"),
    },
    {
      name: "show",
      summary: "show all that a plan covers",
      description: [
        "Shows who proposed what, when and why, which snapshots go, how many files and bytes, and what it waits for. Its hash covers all of that: this is what is approved.",
        "The server cannot read snapshots. With --open, the repository is opened with its password, and says what the snapshots hold.",
      ],
      arguments: [HASH],
      options: [{ flags: "--open", description: "open the repository, and show what its snapshots hold" }],
      exitCodes: [10, 12],
      load: () => import("../commands/removal-show.ts"),
    },
    {
      name: "approve",
      summary: "approve a plan with an SSH key",
      description: [
        "Shows the plan, signs its hash by `ssh-keygen -Y sign`, and sends the signature to the server, which knows the keys of approvers. Keys in the agent and on security keys can be used. Whoever uses the client that proposed a plan cannot approve it.",
      ],
      arguments: [HASH],
      options: [keyOption("sign with this SSH key: a private one, or the public one of a key in the agent")],
      examples: [
        {
          command:
            "holdfast -r rest:https://backup.example.org:8000/den removal approve 3f2a9c01 --key ~/.ssh/id_ed25519",
          description: "Approve a plan that was looked at with `removal show`.",
        },
      ],
      load: () => import("../commands/removal-approve.ts"),
    },
    {
      name: "cancel",
      summary: "cancel a plan",
      description: [
        "Ends a plan: nothing is removed by it any more. Any approver may do that, with --key; without it, a client that may remove files (the roles maintenance and admin).",
      ],
      arguments: [HASH],
      options: [keyOption("sign with this SSH key of an approver")],
      load: () => import("../commands/removal-cancel.ts"),
    },
  ],
};

export const REMOVAL_COMMANDS: readonly CommandDefinition[] = [removal];
