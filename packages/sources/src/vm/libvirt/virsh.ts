/** libvirt by its own tool, which speaks to the daemon wherever that is. */
import { writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { isHoldfastError, messageOf } from "@holdfast/base";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Programs } from "../../programs/programs.ts";

const HOW = "Install the package libvirt-clients.";

export interface VirshPlace {
  readonly programs: Programs;
  /** For messages. */
  readonly source: string;
  readonly uri: string;
  /** For descriptions that are handed over: for their owner only. */
  readonly temporary: string;
}

export class Virsh {
  readonly #place: VirshPlace;

  constructor(place: VirshPlace) {
    this.#place = place;
  }

  /** The path of the tool. @throws SOURCES_TOOL_MISSING */
  program(): Promise<string> {
    return this.#place.programs.require("virsh", HOW);
  }

  /** What it prints. @throws SOURCES_TOOL_MISSING, SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_TOOL_FAILED */
  async run(words: readonly string[], { signal }: CallOptions): Promise<string> {
    const { programs, source, uri } = this.#place;
    const call = { tool: "virsh", args: ["--quiet", "--connect", uri, ...words], how: HOW };
    try {
      return await programs.text(call, { signal });
    } catch (error) {
      signal.throwIfAborted();
      const reason = messageOf(error);
      if (/failed to connect to the hypervisor|Failed to connect socket|End of file while reading/.test(reason)) {
        const isRefused = /Permission denied|authentication|access denied/i.test(reason);
        throw sourcesError(isRefused ? "SOURCES_CREDENTIALS" : "SOURCES_UNREACHABLE", { source, reason }, error);
      }
      if (/failed to get domain|Domain not found/.test(reason)) {
        throw sourcesError("SOURCES_UNREACHABLE", { source, reason: `libvirt has no such domain: ${reason}` }, error);
      }
      throw error;
    }
  }

  /** What it prints; `undefined` when libvirt refuses. @throws as `run`, except SOURCES_TOOL_FAILED */
  async tryRun(words: readonly string[], options: CallOptions): Promise<string | undefined> {
    try {
      return await this.run(words, options);
    } catch (error) {
      if (isHoldfastError(error, "SOURCES_TOOL_FAILED")) return undefined;
      throw error;
    }
  }

  /** Runs a command that reads descriptions from files, which are written for it. */
  async withFiles(words: readonly string[], xml: readonly string[], options: CallOptions): Promise<string> {
    const paths: string[] = [];
    for (const text of xml) {
      const path = join(this.#place.temporary, `${randomBytes(8).toString("hex")}.xml`);
      await writeFile(path, text, { mode: 0o600, flag: "wx" });
      paths.push(path);
    }
    return this.run([...words, ...paths], options);
  }
}

/** Text as content or attribute of an XML document. */
export function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);
}
