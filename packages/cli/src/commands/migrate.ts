/** `holdfast migrate`: lists changes of the format that the repository can take, and makes them. */
import { mkdir, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf } from "@holdfast/base";
import {
  type Check,
  MIGRATIONS,
  type Migration,
  availableMigrations,
  engineError,
  restoreConfig,
  upgradeToVersion2,
} from "@holdfast/engine";
import { checkProgress } from "../check/progress.ts";
import { reportFinding } from "../check/report.ts";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { showProgress } from "../output/progress.ts";
import { repositoryPassword } from "../password/password-source.ts";
import { refuseUnplanned } from "../removal/refuse-unplanned.ts";
import { type Session, withNewBackend, withSession } from "../repository-session.ts";
import { readGivenFile } from "../values/text-file.ts";

export const run: RunCommand = (context) => {
  const copy = context.options.text("restore-config");
  if (copy !== undefined) return putBack(context, copy);
  const wanted = [...new Set(context.args)].map(migrationOf);
  return withSession(context, (session) =>
    wanted.length === 0 ? list(context, session) : apply(context, session, wanted),
  );
};

/** @throws CLI_USAGE */
function migrationOf(name: string): Migration {
  const migration = MIGRATIONS.find((each) => each.name === name);
  if (migration !== undefined) return migration;
  const known = MIGRATIONS.map((each) => each.name).join(", ");
  throw cliError("CLI_USAGE", {
    problem: `there is no migration '${name}', only ${known}`,
    help: "holdfast help migrate",
  });
}

async function list({ output }: CommandContext, { repository }: Session): Promise<number> {
  const available = availableMigrations(repository.config);
  if (output.settings.json) {
    for (const { name, description } of available) output.printJson({ message_type: "migration", name, description });
    return EXIT.ok;
  }
  if (available.length === 0) output.message("no migrations can be applied: the repository has the newest form");
  for (const { name, description } of available) output.print(`${name}  ${description}`);
  return EXIT.ok;
}

async function apply(context: CommandContext, session: Session, wanted: readonly Migration[]): Promise<number> {
  const { output } = context;
  const { repository } = session;
  refuseUnplanned(repository, "migrate");
  for (const { name, obstacle } of wanted) {
    const reason = obstacle(repository.config);
    if (reason !== undefined) throw engineError("ENGINE_MIGRATION_NOT_POSSIBLE", { name, reason });
  }
  return session.locked("exclusive", async (signal) => {
    output.message("checking the repository first");
    let progress: { stop(): void } | undefined;
    await upgradeToVersion2(repository, {
      signal,
      keepCopy: (bytes) => keepCopy(context, repository.config.id, bytes),
      onCheck: (check: Check) => {
        progress = showProgress(checkProgress(check), output, context.variables);
      },
      onFinding: (finding) => reportFinding(finding, output),
    }).finally(() => progress?.stop());
    for (const { name } of wanted) {
      if (output.settings.json) output.printJson({ message_type: "migrated", name });
      else output.print(`${name}: done`);
    }
    output.message(
      "hint: new data is compressed from now on; `holdfast prune --repack-uncompressed` compresses the rest",
    );
    return EXIT.ok;
  });
}

/** @returns the path of the copy @throws CLI_WRITE_FAILED */
async function keepCopy({ options, output }: CommandContext, id: string, bytes: Uint8Array): Promise<string> {
  const folder = resolve(options.text("keep-in") ?? ".");
  const path = resolve(folder, `config-${id.slice(0, 8)}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(path, bytes, { flush: true, mode: 0o600 });
  } catch (error) {
    throw cliError("CLI_WRITE_FAILED", { path, reason: messageOf(error) }, error);
  }
  output.message(
    `kept a copy of the config as ${path}: if this run is cut off and the repository has no config then, put it back with \`holdfast migrate --restore-config ${path}\``,
  );
  return path;
}

async function putBack(context: CommandContext, path: string): Promise<number> {
  const { args, options, output, signal } = context;
  if (args.length > 0) {
    const reason = "a repository without a config cannot be migrated";
    throw cliError("CLI_OPTIONS_CONFLICT", { first: "--restore-config", second: args[0], reason });
  }
  const copy = await readGivenFile(path, "the copy of the config", { signal });
  return withNewBackend(context, async (backend) => {
    const password = await repositoryPassword(context);
    const { version } = await restoreConfig(backend, password, copy, { signal, keyHint: options.text("key-hint") });
    if (output.settings.json) output.printJson({ message_type: "config_restored", version });
    else output.print(`put the config of version ${version} back`);
    return EXIT.ok;
  });
}
