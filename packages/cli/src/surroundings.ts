/** What backends may know of this process: variables, options of theirs, the home folder. */
import { homedir } from "node:os";
import { type Surroundings, assertKnownOption, isKnownOption } from "@holdfast/storage";
import type { CommandContext } from "./context.ts";
import { choiceMadeBefore } from "./configured/implied-choice.ts";
import { cliError } from "./errors.ts";

/** The global options that stand for an option of the backends. */
const TLS_OPTIONS = [
  ["cacert", "tls.cacert"],
  ["tls-client-cert", "tls.client-cert"],
] as const;

/** @throws CLI_INVALID_VALUE for an option without a name or value, STORAGE_UNKNOWN_OPTION */
export function surroundingsOf(context: Pick<CommandContext, "options" | "variables" | "chosen">): Surroundings {
  const chosen = context.chosen ?? choiceMadeBefore(context);
  const { options, variables } = context;
  const given = new Map<string, string>(chosen?.options);
  for (const name of given.keys()) assertKnownOption(name);
  for (const [name, key] of TLS_OPTIONS) {
    const value = options.text(name);
    if (value !== undefined) given.set(key, value);
  }
  if (options.flag("insecure-tls")) given.set("tls.insecure", "true");
  for (const text of options.list("option")) {
    const equals = text.indexOf("=");
    if (equals <= 0) {
      const expected = "give a name and a value, as in s3.region=eu-central-1";
      throw cliError("CLI_INVALID_VALUE", { value: text, option: "--option", expected });
    }
    const name = text.slice(0, equals).trim().toLowerCase();
    assertKnownOption(name);
    given.set(name, text.slice(equals + 1).trim());
  }
  return {
    variable: (name) => chosen?.variables.get(name) ?? variables.plain(name),
    option: (name) => {
      // What the list lacks could never be given.
      if (!isKnownOption(name)) throw new Error(`${name} is not among the options of backends`);
      return given.get(name);
    },
    home: homedir(),
    environment: variables.forPrograms,
  };
}
