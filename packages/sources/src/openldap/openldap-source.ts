/** A directory of OpenLDAP on this machine: its configuration, and each of its databases as it was at one moment. */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { GivenEntry } from "@holdfast/engine";
import { limitTime } from "../content/time-limit.ts";
import { captureFolder } from "../contract/capture-folder.ts";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CaptureFacts } from "../contract/facts.ts";
import { chosenForm } from "../contract/forms.ts";
import { restoreFiles } from "../contract/restore-files.ts";
import { changedSettings } from "../contract/restore-settings.ts";
import type {
  CallOptions,
  Capture,
  CaptureOptions,
  ProofReport,
  ProveOptions,
  RestoreOptions,
  RestoreReport,
  Source,
} from "../contract/source.ts";
import type { SourceSurroundings } from "../contract/surroundings.ts";
import { sourcesError } from "../errors.ts";
import { withoutVariables } from "../programs/foreign-variables.ts";
import { Programs } from "../programs/programs.ts";
import { type LdapDatabase, databasesOf } from "./config-entries.ts";
import { parseLdif, sameName } from "./ldif.ts";
import { proveDirectory } from "./prove-directory.ts";
import { restoreDirectory } from "./restore-directory.ts";
import { type OpenldapSettings, openldapSettings } from "./settings.ts";
import { type ConfigPlace, SlapTools, configOption } from "./slap-tools.ts";
import { CONFIG_FILE, type StoredDatabase, storedDatabases } from "./stored.ts";
import { watchedLdif } from "./watched-ldif.ts";

export class OpenldapSource implements Source {
  readonly forms = [
    { name: "data", description: "as a folder with configuration and data for slapd (setting data)" },
    { name: "folder", description: "as LDIF files in an empty folder" },
  ];
  readonly #name: string;
  readonly #settings: OpenldapSettings;
  readonly #surroundings: SourceSurroundings;
  readonly #tools: SlapTools;

  constructor(name: string, settings: OpenldapSettings, surroundings: SourceSurroundings) {
    this.#name = name;
    this.#settings = settings;
    this.#surroundings = surroundings;
    const environment = withoutVariables(surroundings.environment, /^LDAP/);
    const programs = new Programs({ source: this.#title, environment });
    this.#tools = new SlapTools(programs, settings.tools);
  }

  async capture({ signal, onWarning }: CaptureOptions): Promise<Capture> {
    signal.throwIfAborted();
    await this.#tools.find("slapcat");
    const place = await this.#tools.configAt(this.#settings.config);
    const version = await this.#tools.version({ signal });
    const config = await this.#configText(place, { signal });
    const databases = this.#chosen(databasesOf(parseLdif(config)));
    for (const { suffix, backend } of databases) {
      if (backend === "mdb") continue;
      const message = `${suffix} is kept by the backend ${backend}, whose dump does not show one moment while it is written to`;
      onWarning({ code: "not-transactional", message });
    }
    const seen: Seen = { atMs: Date.now(), version, databases, stored: [], position: {} };
    return {
      paths: [captureFolder("openldap", this.#name)],
      entries: this.#entries(place, config, seen, signal),
      facts: () => this.#facts(seen),
      close: async () => {},
    };
  }

  async restore(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport> {
    const { signal, overwrite = false, onStep } = options;
    const form = chosenForm(this.forms, options.form, this.#title);
    const databases = storedDatabases(captured);
    if (form === "folder") {
      const place = await restoreFiles(captured, { source: this.#title }, options);
      const remaining = ["The files are for slapadd, and not for ldapadd."];
      return { restored: databases.map(({ suffix }) => `the database ${suffix}`), place, remaining };
    }
    const place = openldapSettings.pick({ data: true, tools: true });
    const { data, tools } = changedSettings(place, this.#settings, options.settings, this.#title);
    if (data === undefined) throw this.#unusable("`data` does not name the folder to fill: give --set data=FOLDER");
    return restoreDirectory(captured, {
      data,
      tools: new SlapTools(this.#tools.programs, tools),
      overwrite,
      signal,
      onStep,
    });
  }

  async prove(captured: CapturedTree, options: ProveOptions): Promise<ProofReport> {
    const { temporary } = this.#surroundings;
    return proveDirectory(captured, { ...options, tools: this.#tools, settings: this.#settings, sockets: temporary });
  }

  get #title(): string {
    return `source ${this.#name}`;
  }

  /** As cn=config, also where it is a file slapd.conf. */
  async #configText(place: ConfigPlace, { signal }: CallOptions): Promise<string> {
    const { programs } = this.#tools;
    const show = async (folder: string): Promise<string> =>
      programs.text(await this.#tools.call("slapcat", ["-n", "0", "-F", folder]), { signal });
    if (place.isFolder) return show(place.path);
    const folder = await mkdtemp(join(this.#surroundings.temporary, "openldap-"));
    try {
      const converted = join(folder, "slapd.d");
      await mkdir(converted, { mode: 0o700 });
      await programs.text(await this.#tools.call("slaptest", ["-n", "0", "-f", place.path, "-F", converted]), {
        signal,
      });
      if ((await readdir(converted)).length === 0)
        throw this.#unusable(`${place.path} cannot be read as a configuration`);
      return await show(converted);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** @throws SOURCES_SETTINGS when one that was named is not there, or there is none */
  #chosen(found: readonly LdapDatabase[]): readonly LdapDatabase[] {
    const { suffixes, config } = this.#settings;
    for (const suffix of suffixes) {
      if (found.some((each) => sameName(each.suffix) === sameName(suffix))) continue;
      throw this.#unusable(
        `${config} has no database ${suffix}, but ${found.map((each) => each.suffix).join("; ") || "none"}`,
      );
    }
    const chosen = found.filter(
      ({ suffix }) => suffixes.length === 0 || suffixes.some((each) => sameName(each) === sameName(suffix)),
    );
    if (chosen.length === 0) throw this.#unusable(`${config} has no database with data on this machine`);
    return chosen;
  }

  async *#entries(place: ConfigPlace, config: string, seen: Seen, signal: AbortSignal): AsyncGenerator<GivenEntry> {
    const at = captureFolder("openldap", this.#name);
    yield { kind: "file", path: join(at, CONFIG_FILE), content: oneText(config), mode: 0o600 };
    const limit = { ms: this.#settings["time-limit"], what: "the capture", source: this.#title, setting: "time-limit" };
    const limited = limitTime(limit, { signal });
    try {
      seen.atMs = Date.now();
      for (const [index, { suffix, directory }] of seen.databases.entries()) {
        const file = `database-${index + 1}.ldif`;
        // Each database for itself: those below others are captured by their own suffix.
        const call = await this.#tools.call("slapcat", ["-g", ...configOption(place), "-b", suffix], directory);
        const content = watchedLdif(this.#tools.programs.stream(call, limited), {
          suffix,
          mayBeEmpty: this.#settings["may-be-empty"],
          onEnd: ({ entries, contextCsn }) => {
            seen.stored.push({ suffix, file, entries });
            if (contextCsn.length > 0) seen.position[`contextCSN of ${suffix}`] = contextCsn.join(" ");
          },
          broken: (reason) => sourcesError("SOURCES_TOOL_FAILED", { tool: "slapcat", source: this.#title, reason }),
        });
        yield { kind: "file", path: join(at, file), content, mode: 0o600 };
      }
    } finally {
      limited.end();
    }
  }

  #facts({ atMs, version, databases, stored, position }: Seen): CaptureFacts {
    return {
      consistentAt: new Date(atMs).toISOString(),
      // Each database shows one moment; several do not show the same one.
      consistency: databases.every(({ backend }) => backend === "mdb") ? "application" : "none",
      tools: { slapcat: version },
      server: { product: "OpenLDAP", version },
      position,
      detail: { databases: stored, config: this.#settings.config },
    };
  }

  #unusable(reason: string): Error {
    return sourcesError("SOURCES_SETTINGS", { source: this.#title, reason });
  }
}

/** What is found out while it is captured. */
interface Seen {
  atMs: number;
  readonly version: string;
  readonly databases: readonly LdapDatabase[];
  readonly stored: StoredDatabase[];
  readonly position: Record<string, string>;
}

async function* oneText(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
