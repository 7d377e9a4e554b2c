/**
 * Where the password of a repository comes from: the first of these that is given. Options; variables of Holdfast; variables of
 * restic; the terminal or standard input. Within one of them a command, a file and the password itself exclude each other.
 */
import { readFile } from "node:fs/promises";
import { messageOf, Secret } from "@holdfast/base";
import type { CommandContext } from "../context.ts";
import { choiceMadeBefore } from "../configured/implied-choice.ts";
import { cliError } from "../errors.ts";
import { Variables } from "../variables.ts";
import { passwordFromCommand } from "./password-command.ts";
import { passwordInFile, trimPassword } from "@holdfast/protection";

/** Whose password: that of the repository, or of the one that --from-repo names. */
export type Whose = "own" | "from";

type Context = Pick<CommandContext, "options" | "variables" | "passwords" | "signal" | "chosen">;

interface Given {
  readonly file: string | undefined;
  readonly command: string | undefined;
  readonly password: Secret | undefined;
  /** How messages call the three. */
  readonly names: readonly [string, string, string];
}

/**
 * The password of an existing repository.
 * @param options `otherwise` is asked when none is given, before the user is; `beforeAsking` runs before anybody is asked, be it a
 *   command or the user, and may refuse; `nth`: which of several others, whose passwords are
 *   given in the same order, or one for all; `of` names it to the user
 * @throws CLI_PASSWORD_MISSING, CLI_PASSWORD_EMPTY, CLI_PASSWORD_COMMAND, CLI_PASSWORD_STDIN, CLI_PASSWORD_FILE,
 *   CLI_OPTIONS_CONFLICT
 */
export async function repositoryPassword(
  context: Context,
  whose: Whose = "own",
  {
    otherwise,
    beforeAsking,
    nth = 0,
    of,
  }: {
    otherwise?: () => Secret | undefined;
    beforeAsking?: () => Promise<void>;
    nth?: number;
    of?: string | undefined;
  } = {},
): Promise<Secret> {
  if (context.options.flag(whose === "own" ? "insecure-no-password" : "from-insecure-no-password"))
    return new Secret("");
  const what = whose === "own" ? "repository password" : `password of ${of ?? "the other repository"}`;
  const known =
    (await givenPassword(context, whose, { nth, beforeAsking })) ??
    (await configuredPassword(context, whose)) ??
    otherwise?.();
  if (known !== undefined) return refuseEmpty(known);
  await beforeAsking?.();
  return refuseEmpty(await context.passwords.ask(what, context));
}

/** The password of a repository that is made now: as above, but asked for twice. */
export async function firstPassword(context: Context): Promise<Secret> {
  if (context.options.flag("insecure-no-password")) return new Secret("");
  return refuseEmpty(
    (await givenPassword(context, "own")) ??
      (await configuredPassword(context, "own")) ??
      (await context.passwords.askNew("new repository password", context)),
  );
}

/** The password of a key that is added: from --new-password-file, else asked for twice. */
export async function newPassword(context: Context): Promise<Secret> {
  if (context.options.flag("new-insecure-no-password")) return new Secret("");
  const file = context.options.text("new-password-file");
  if (file !== undefined) return refuseEmpty(await passwordFromFile(file, "--new-password-file", context));
  return refuseEmpty(await context.passwords.askNew("new password", context));
}

/** That of the repository that a configuration names. */
async function configuredPassword(context: Context, whose: Whose): Promise<Secret | undefined> {
  return whose === "own" ? (context.chosen ?? choiceMadeBefore(context))?.password() : undefined;
}

async function givenPassword(
  context: Context,
  whose: Whose,
  { nth = 0, beforeAsking }: { nth?: number; beforeAsking?: (() => Promise<void>) | undefined } = {},
): Promise<Secret | undefined> {
  for (const given of sources(context, whose, nth)) {
    const { file, command, password, names } = given;
    const both = [command, file, password].flatMap((value, at) => (value === undefined ? [] : [names[at] as string]));
    if (both.length > 1) {
      throw cliError("CLI_OPTIONS_CONFLICT", { first: both[0], second: both[1], reason: "one password is enough" });
    }
    if (command !== undefined) {
      await beforeAsking?.();
      return new Secret(trimPassword(await passwordFromCommand(command, context)));
    }
    if (file !== undefined) return await passwordFromFile(file, names[1], context);
    if (password !== undefined) return password;
  }
  return undefined;
}

function sources({ options, variables }: Context, whose: Whose, nth: number): Given[] {
  const option = whose === "own" ? "" : "from-";
  const ending = whose === "own" ? "" : "FROM_";
  const fromOptions: Given = {
    command: nthOrOnly(options, `${option}password-command`, nth),
    file: nthOrOnly(options, `${option}password-file`, nth),
    password: undefined,
    names: [`--${option}password-command`, `--${option}password-file`, ""],
  };
  const fromVariables = Variables.prefixes.map((prefix): Given => {
    const names = ["PASSWORD_COMMAND", "PASSWORD_FILE", "PASSWORD"].map((name) => `${prefix}${ending}${name}`);
    return {
      command: variables.ofPrefix(prefix, `${ending}PASSWORD_COMMAND`)?.value,
      file: variables.ofPrefix(prefix, `${ending}PASSWORD_FILE`)?.value,
      password: variables.password(prefix, whose === "own" ? "PASSWORD" : "FROM_PASSWORD"),
      names: names as [string, string, string],
    };
  });
  return [fromOptions, ...fromVariables];
}

/** One that is given once is for all. @throws CLI_USAGE when some have one and this has none */
function nthOrOnly(options: Context["options"], name: string, nth: number): string | undefined {
  const values = options.typedList(name);
  if (values.length < 2 || !name.startsWith("from-")) return options.typed(name);
  const others = options.count("from-repo");
  if (values.length === others) return values[nth];
  throw cliError("CLI_USAGE", {
    problem: `--${name} is given ${values.length} times for ${others} times --from-repo: give it once for all, or once for each in the same order`,
    help: "holdfast help restore",
  });
}

/** @param from the option or variable that names the file */
async function passwordFromFile(path: string, from: string, { signal }: { signal: AbortSignal }): Promise<Secret> {
  try {
    return new Secret(passwordInFile(await readFile(path, { signal })));
  } catch (error) {
    signal.throwIfAborted();
    throw cliError("CLI_PASSWORD_FILE", { path, from, reason: messageOf(error) }, error);
  }
}

function refuseEmpty(password: Secret): Secret {
  if (password.reveal() === "") throw cliError("CLI_PASSWORD_EMPTY");
  return password;
}
