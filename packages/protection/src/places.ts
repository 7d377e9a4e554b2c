/** Where Holdfast keeps what it makes for a user who named no place: the XDG folders. */
import { join } from "node:path";

export interface Places {
  /** The repository of a first run. */
  readonly repository: string;
  /** The file that holds its password. */
  readonly passwordFile: string;
}

/** @param environment the process's; `XDG_DATA_HOME` and `XDG_CONFIG_HOME` are honoured when absolute, as their standard says */
export function defaultPlaces(environment: Readonly<Record<string, string | undefined>>, home: string): Places {
  const folder = (name: string, otherwise: string): string => {
    const value = environment[name];
    return value?.startsWith("/") === true ? value : join(home, otherwise);
  };
  return {
    repository: join(folder("XDG_DATA_HOME", ".local/share"), "holdfast", "repository"),
    passwordFile: join(folder("XDG_CONFIG_HOME", ".config"), "holdfast", "repository.password"),
  };
}
