/** Where a Debian system gets its packages from: both forms in which apt's sources are written. */
import { posix } from "node:path";
import type { SystemFiles } from "../host/system-files.ts";
import { parseStanzas } from "./stanzas.ts";

export interface Repository {
  /** `deb` or `deb-src`. */
  readonly type: string;
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  /** Option by name, such as `signed-by`, in the order of names. */
  readonly options: ReadonlyMap<string, string>;
}

const FOLDER = "/etc/apt/sources.list.d";

/** Those that are enabled, in the order of files. A file that cannot be parsed gives none. */
export async function readRepositories(files: SystemFiles): Promise<Repository[]> {
  const found = oneLine((await files.text("/etc/apt/sources.list")) ?? "");
  for (const name of await files.names(FOLDER)) {
    const text = (await files.text(posix.join(FOLDER, name))) ?? "";
    if (name.endsWith(".list")) found.push(...oneLine(text));
    if (name.endsWith(".sources")) found.push(...stanzas(text));
  }
  return found;
}

/** One line each, as apt's older form has it. */
export function repositoryLine({ type, uri, suite, components, options }: Repository): string {
  const shown = [...options].map(([key, value]) => `${key}=${value}`);
  return [type, ...(shown.length === 0 ? [] : [`[${shown.join(" ")}]`]), uri, suite, ...components].join(" ");
}

/** Files of keys that repositories name. */
export function keyFiles(repositories: readonly Repository[]): string[] {
  const named = repositories.flatMap(({ options }) => (options.get("signed-by") ?? "").split(/[\s,]+/));
  return [...new Set(named.filter((path) => path.startsWith("/")))].sort();
}

function oneLine(text: string): Repository[] {
  return text.split("\n").flatMap((line) => {
    const found = /^\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (found === null) return [];
    const [, type = "", options = "", uri = "", suite = "", components = ""] = found;
    return [
      { type, uri, suite, components: words(components), options: new Map(words(options).map(pair).sort(byName)) },
    ];
  });
}

function stanzas(text: string): Repository[] {
  return parseStanzas(text).flatMap((stanza) => {
    if (/^(no|false|off|without|disable|0)$/i.test(stanza.get("enabled") ?? "yes")) return [];
    const options = [...stanza]
      .filter(([key]) => !["types", "uris", "suites", "components", "enabled"].includes(key) && !key.startsWith("x-"))
      // A key may stand in the file itself.
      .map(([key, value]): [string, string] => [
        key,
        value.includes("BEGIN PGP") ? "(in the file)" : words(value).join(","),
      ]);
    const components = words(stanza.get("components") ?? "");
    return words(stanza.get("types") ?? "deb").flatMap((type) =>
      words(stanza.get("uris") ?? "").flatMap((uri) =>
        words(stanza.get("suites") ?? "").map((suite) => ({
          type,
          uri,
          suite,
          components,
          options: new Map(options.sort(byName)),
        })),
      ),
    );
  });
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function pair(word: string): [string, string] {
  const equals = word.indexOf("=");
  return equals < 0 ? [word.toLowerCase(), "yes"] : [word.slice(0, equals).toLowerCase(), word.slice(equals + 1)];
}

function byName([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
