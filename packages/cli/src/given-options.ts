/** The options of one run: what was typed, and the variables that stand in for what was not. */
import { cliError } from "./errors.ts";
import { type OptionDefinition, optionName } from "./definitions/definition.ts";
import { parseCount } from "./values/count.ts";
import type { Variables } from "./variables.ts";

/** Values as typed; `true` for an option without a value, as often as it was given. */
export type TypedValues = ReadonlyMap<string, readonly (string | true)[]>;

export class GivenOptions {
  readonly #definitions: ReadonlyMap<string, OptionDefinition>;
  readonly #typed: TypedValues;
  readonly #variables: Variables;

  constructor(definitions: readonly OptionDefinition[], typed: TypedValues, variables: Variables) {
    this.#definitions = new Map(definitions.map((definition) => [optionName(definition), definition]));
    this.#typed = typed;
    this.#variables = variables;
  }

  /** The options that were typed; variables do not count. */
  get typedNames(): string[] {
    return [...this.#typed.keys()];
  }

  /** How often an option was given. */
  count(name: string): number {
    this.#definition(name);
    return this.#typed.get(name)?.length ?? 0;
  }

  /** Whether an option without a value was given, or its variable says so (`1`, `true`, `yes`). */
  flag(name: string): boolean {
    const { environment } = this.#definition(name);
    if (this.count(name) > 0) return true;
    const variable = environment === undefined ? undefined : this.#variables.find(environment);
    if (variable === undefined) return false;
    if (/^(1|t|true|yes)$/i.test(variable.value)) return true;
    if (/^(0|f|false|no)$/i.test(variable.value)) return false;
    throw invalidValue(variable.value, variable.name, "give true or false");
  }

  /** The value that was typed last; variables do not count. */
  typed(name: string): string | undefined {
    this.#definition(name);
    const value = this.#typed.get(name)?.at(-1);
    return typeof value === "string" ? value : undefined;
  }

  /** All values that were typed; variables do not count. */
  typedList(name: string): string[] {
    this.#definition(name);
    return (this.#typed.get(name) ?? []).filter((value) => value !== true);
  }

  /** The value of an option, or of its variable. @throws CLI_INVALID_VALUE when the variable's is not one of the choices */
  text(name: string): string | undefined {
    return this.#found(name)?.value;
  }

  /** All values of an option that may be repeated; the variable counts when none was typed. */
  list(name: string): string[] {
    const { environment } = this.#definition(name);
    const typed = (this.#typed.get(name) ?? []).filter((value) => value !== true);
    if (typed.length > 0 || environment === undefined) return typed;
    const variable = this.#variables.find(environment);
    return variable === undefined ? [] : [variable.value];
  }

  /** Applies `parse` to the value, which returns `undefined` for one that it does not understand. @throws CLI_INVALID_VALUE */
  parsed<T>(name: string, expected: string, parse: (text: string) => T | undefined): T | undefined {
    const found = this.#found(name);
    if (found === undefined) return undefined;
    const value = parse(found.value);
    if (value === undefined) throw invalidValue(found.value, found.source, expected);
    return value;
  }

  /** A whole number within bounds. @throws CLI_INVALID_VALUE */
  number(name: string, { min, max }: { min: number; max: number }): number | undefined {
    const expected =
      max === Number.MAX_SAFE_INTEGER
        ? `give a whole number from ${min} on`
        : `give a whole number from ${min} to ${max}`;
    return this.parsed(name, expected, (text) => parseCount(text, { min, max }));
  }

  #found(name: string): { readonly value: string; readonly source: string } | undefined {
    const { environment, choices } = this.#definition(name);
    const typed = this.typed(name);
    if (typed !== undefined) return { value: typed, source: `--${name}` };
    const variable = environment === undefined ? undefined : this.#variables.find(environment);
    if (variable === undefined) return undefined;
    if (choices !== undefined && !choices.includes(variable.value)) {
      throw invalidValue(variable.value, variable.name, `give one of ${choices.join(", ")}`);
    }
    return { value: variable.value, source: variable.name };
  }

  #definition(name: string): OptionDefinition {
    const definition = this.#definitions.get(name);
    if (definition === undefined) throw new Error(`no option --${name} is defined for this command`);
    return definition;
  }
}

/** The error for a value that is not understood. */
export function invalidValue(value: string, option: string, expected: string): Error {
  return cliError("CLI_INVALID_VALUE", { value, option, expected });
}
