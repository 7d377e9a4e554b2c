/** Which repository is meant: options, variables of Holdfast, variables of restic, then the one that `start` made. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { messageOf } from "@holdfast/base";
import { type Places, defaultPlaces } from "@holdfast/protection";
import type { CommandContext } from "./context.ts";
import { impliedChoice } from "./configured/implied-choice.ts";
import { cliError } from "./errors.ts";
import type { Whose } from "./password/password-source.ts";
import { Variables } from "./variables.ts";

type Context = Pick<CommandContext, "options" | "variables" | "signal" | "chosen">;

/**
 * The repository that is meant; when none is named, the one that `start` made for this user.
 * @param nth where several others may be named, which of them
 * @throws CLI_NO_LOCATION, CLI_OPTIONS_CONFLICT, CLI_FILE_UNREADABLE
 */
export async function repositoryLocation(context: Context, whose: Whose = "own", nth = 0): Promise<string> {
  const named = await namedLocation(context, whose, nth);
  if (named !== undefined) return named;
  if (whose === "from") throw cliError("CLI_NO_OTHER_LOCATION");
  const { repository } = ownPlaces(context);
  if (!existsSync(join(repository, "config"))) throw cliError("CLI_NO_LOCATION");
  return repository;
}

/** Where `start` keeps the repository of this user. */
export function ownPlaces({ variables }: Pick<Context, "variables">): Places {
  return defaultPlaces((name) => variables.plain(name), homedir());
}

/**
 * The repository that an option, the environment or the configuration names.
 * @throws CLI_OPTIONS_CONFLICT, CLI_FILE_UNREADABLE, and what a configuration throws that cannot be used
 */
export async function namedLocation(context: Context, whose: Whose = "own", nth = 0): Promise<string | undefined> {
  if (whose === "own" && context.chosen !== undefined) return context.chosen.location;
  const given = await givenLocation(context, whose, nth);
  return whose === "own" ? ((await impliedChoice(context, given))?.location ?? given) : given;
}

async function givenLocation(context: Context, whose: Whose, nth: number): Promise<string | undefined> {
  const { options, variables } = context;
  const option = whose === "own" ? "" : "from-";
  const ending = whose === "own" ? "" : "FROM_";
  const [repo, file] = [`${option}repo`, `${option}repository-file`];
  const given = [
    { name: `--${repo}`, location: nthTyped(options, repo, nth), fileName: `--${file}`, file: options.typed(file) },
    ...Variables.prefixes.map((prefix) => ({
      name: `${prefix}${ending}REPOSITORY`,
      location: variables.ofPrefix(prefix, `${ending}REPOSITORY`)?.value,
      fileName: `${prefix}${ending}REPOSITORY_FILE`,
      file: variables.ofPrefix(prefix, `${ending}REPOSITORY_FILE`)?.value,
    })),
  ].find((source) => source.location !== undefined || source.file !== undefined);
  if (given === undefined) return undefined;
  if (given.location !== undefined && given.file !== undefined) {
    throw cliError("CLI_OPTIONS_CONFLICT", {
      first: given.name,
      second: given.fileName,
      reason: "both name the repository",
    });
  }
  return given.location ?? (await locationFromFile(given.file as string, context));
}

/** How many repositories the options --from-repo, or the environment, name. @throws as `namedLocation` */
export async function otherCount(context: Context): Promise<number> {
  const typed = context.options.typedList("from-repo").length;
  if (typed > 0) return typed;
  return (await namedLocation(context, "from")) === undefined ? 0 : 1;
}

function nthTyped(options: Context["options"], name: string, nth: number): string | undefined {
  return nth === 0 && options.count(name) < 2 ? options.typed(name) : options.typedList(name)[nth];
}

async function locationFromFile(path: string, { signal }: { signal: AbortSignal }): Promise<string> {
  let text: string;
  try {
    text = (await readFile(path, { encoding: "utf8", signal })).trim();
  } catch (error) {
    signal.throwIfAborted();
    throw cliError("CLI_FILE_UNREADABLE", { what: "the repository file", path, reason: messageOf(error) }, error);
  }
  if (text === "") throw cliError("CLI_FILE_UNREADABLE", { what: "the repository file", path, reason: "it is empty" });
  return text;
}
