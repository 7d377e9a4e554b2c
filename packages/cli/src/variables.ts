/** The environment, read once at the start. Passwords leave the process's own environment, so that no child inherits them. */
import { Secret } from "@holdfast/base";

/** Our own prefix wins over restic's. */
const PREFIXES = ["HOLDFAST_", "RESTIC_"] as const;
const PASSWORDS = ["PASSWORD", "FROM_PASSWORD"] as const;

export interface Variable {
  /** The whole name, for messages. */
  readonly name: string;
  readonly value: string;
}

export class Variables {
  readonly #values: Readonly<Record<string, string | undefined>>;
  readonly #passwords = new Map<string, Secret>();

  private constructor(values: Record<string, string | undefined>) {
    for (const name of PASSWORDS.flatMap((ending) => PREFIXES.map((prefix) => prefix + ending))) {
      const value = values[name];
      if (value !== undefined) this.#passwords.set(name, new Secret(value));
      delete values[name];
    }
    this.#values = { ...values };
  }

  /** Reads the variables, and removes passwords from `values`. */
  static take(values: Record<string, string | undefined> = process.env): Variables {
    return new Variables(values);
  }

  /** All of them but passwords: what programs that are started get to see. */
  get forPrograms(): Readonly<Record<string, string | undefined>> {
    return this.#values;
  }

  /** A variable by its whole name; an empty one counts as absent. */
  plain(name: string): string | undefined {
    return this.#values[name] === "" ? undefined : this.#values[name];
  }

  /** `HOLDFAST_<ending>`, else `RESTIC_<ending>`; empty ones count as absent. */
  find(ending: string): Variable | undefined {
    for (const prefix of PREFIXES) {
      const value = this.plain(prefix + ending);
      if (value !== undefined) return { name: prefix + ending, value };
    }
    return undefined;
  }

  /** The same with one prefix only: settings that belong together must come from one program's variables. */
  ofPrefix(prefix: (typeof PREFIXES)[number], ending: string): Variable | undefined {
    const value = this.plain(prefix + ending);
    return value === undefined ? undefined : { name: prefix + ending, value };
  }

  /** A password; one that is set but empty is an empty password. */
  password(prefix: (typeof PREFIXES)[number], ending: (typeof PASSWORDS)[number]): Secret | undefined {
    return this.#passwords.get(prefix + ending);
  }

  static readonly prefixes = PREFIXES;
}
