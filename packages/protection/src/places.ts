/** Where Holdfast keeps what it makes for a user who named no place: the XDG folders. */
import { join } from "node:path";

export interface Places {
  /** The repository of a first run. */
  readonly repository: string;
  /** The file that holds its password. */
  readonly passwordFile: string;
}

/** @param variable looks up the environment; `XDG_DATA_HOME` and `XDG_CONFIG_HOME` count when absolute, as their standard says */
export function defaultPlaces(variable: (name: string) => string | undefined, home: string): Places {
  const folder = (name: string, otherwise: string): string => {
    const value = variable(name);
    return value?.startsWith("/") === true ? value : join(home, otherwise);
  };
  return {
    repository: join(folder("XDG_DATA_HOME", ".local/share"), "holdfast", "repository"),
    passwordFile: join(folder("XDG_CONFIG_HOME", ".config"), "holdfast", "repository.password"),
  };
}
