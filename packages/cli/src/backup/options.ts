/** From the options of the command line to those of the engine. */
import { hostname } from "node:os";
import {
  type BackupOptions,
  CACHE_TAG,
  givenStream,
  type ParentChoice,
  type SelectionRules,
  parseSizeBytes,
  parseTagFile,
} from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import { namesItems } from "./item-report.ts";
import { groupByOption, splitTags } from "../snapshot-choice.ts";
import { currentUser } from "../values/key-origin.ts";
import { packOptions } from "../values/pack-options.ts";
import { patternOptions } from "../values/pattern-options.ts";
import { parseTime } from "../values/time.ts";
import { programVersion } from "../version.ts";
import { commandOutput, standardInput } from "./source-stream.ts";
import { backupTargets, listsUseStdin } from "./targets.ts";

/** How something is stored, whatever it is. */
export type BackupSettings = Omit<BackupRequest, "targets" | "given" | "cwd" | "excludes" | "rules">;

/** Everything but what is known only when the repository is open. */
export type BackupRequest = Omit<BackupOptions, "signal" | "onEvent">;

/** @throws CLI_USAGE, CLI_INVALID_VALUE, CLI_FILE_UNREADABLE and the engine's errors for patterns, sizes and lists */
export async function backupRequest(context: CommandContext): Promise<BackupRequest> {
  const { options } = context;
  const stdin = streamSource(context);
  if (stdin?.isStandardInput === true || listsUseStdin(context)) context.passwords.claimStdin();
  const targets = stdin === undefined ? await backupTargets(context) : [];
  if (stdin === undefined && targets.length === 0) throw usage("nothing to back up: give at least one path");
  return {
    ...backupSettings(context),
    targets,
    cwd: process.cwd(),
    ...(stdin === undefined ? {} : { given: givenStream(stdin.name, stdin.input), parent: { kind: "none" } }),
    excludes: options.list("exclude"),
    rules: await selectionRules(context),
  };
}

/** @throws CLI_INVALID_VALUE, and the engine's errors for sizes */
export function backupSettings(context: CommandContext): BackupSettings {
  const { options, output } = context;
  const timeNs = options.parsed("time", "give a time such as '2026-11-01 22:08:41'", (text) => parseTime(text));
  const workers = options.number("read-concurrency", { min: 1, max: 256 });
  const verifyPresent = options.text("verify-present");
  return {
    hostname: options.text("host") ?? hostname(),
    username: currentUser(),
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    tags: [...new Set(options.list("tag").flatMap(splitTags))],
    ...(timeNs === undefined ? {} : { timeNs }),
    parent: parentChoice(context),
    reading: {
      withAtime: options.flag("with-atime"),
      ignoreInode: options.flag("ignore-inode"),
      // A new inode comes with a new change time, so the one makes no sense without the other.
      ignoreCtime: options.flag("ignore-ctime") || options.flag("ignore-inode"),
    },
    ...packOptions(options),
    ...(workers === undefined ? {} : { workers }),
    // Totals only serve the display.
    scan: !options.flag("no-scan") && !output.settings.quiet,
    skipIfUnchanged: options.flag("skip-if-unchanged"),
    dryRun: options.flag("dry-run"),
    programVersion: `holdfast ${programVersion()}`,
    itemEvents: namesItems(output),
    ...(verifyPresent === undefined ? {} : { verifyPresentBytes: parseSizeBytes(verifyPresent) }),
  };
}

interface StreamSource {
  readonly name: string;
  readonly input: AsyncIterable<Uint8Array>;
  readonly isStandardInput: boolean;
}

function streamSource({ options, args, signal }: CommandContext): StreamSource | undefined {
  const fromCommand = options.flag("stdin-from-command");
  const fromInput = options.flag("stdin");
  if (!fromCommand && !fromInput) return undefined;
  if (fromCommand && fromInput) {
    throw cliError("CLI_OPTIONS_CONFLICT", {
      first: "--stdin",
      second: "--stdin-from-command",
      reason: "the data comes from one place",
    });
  }
  for (const option of ["files-from", "files-from-verbatim", "files-from-raw"]) {
    if (options.count(option) === 0) continue;
    const first = fromCommand ? "--stdin-from-command" : "--stdin";
    throw cliError("CLI_OPTIONS_CONFLICT", { first, second: `--${option}`, reason: "a stream is stored alone" });
  }
  if (fromInput && args.length > 0) throw usage("--stdin takes no paths");
  if (fromCommand && args.length === 0) throw usage("--stdin-from-command needs a command: … -- COMMAND ARGUMENT…");
  const name = options.text("stdin-filename") ?? "stdin";
  const input = fromCommand ? commandOutput(args, { signal }) : standardInput({ signal });
  return { name, input, isStandardInput: fromInput };
}

function parentChoice({ options }: CommandContext): ParentChoice {
  if (options.flag("force")) return { kind: "none" };
  const text = options.text("parent");
  if (text !== undefined) return { kind: "id", text };
  return { kind: "auto", groupBy: groupByOption(options) ?? ["host", "paths"] };
}

async function selectionRules(context: CommandContext): Promise<SelectionRules> {
  const { options } = context;
  const largerThan = options.text("exclude-larger-than");
  return {
    excludes: await patternOptions(context, "exclude"),
    ifPresent: [
      ...(options.flag("exclude-caches") ? [CACHE_TAG] : []),
      ...options.list("exclude-if-present").map((text) => parseTagFile(text)),
    ],
    largerThanBytes: largerThan === undefined ? undefined : parseSizeBytes(largerThan),
    oneFileSystem: options.flag("one-file-system"),
  };
}

function usage(problem: string): Error {
  return cliError("CLI_USAGE", { problem, help: "holdfast help backup" });
}
