/** Speaks to a server of etcd by its own client. User and password go by the environment. */
import { join } from "node:path";
import { type Secret, isHoldfastError } from "@holdfast/base";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import type { ProgramCall, Programs } from "../programs/programs.ts";
import { parsedAnswer } from "./parsed-answer.ts";
import type { EtcdSettings } from "./settings.ts";

const HOW = "Install the package etcd-client, or name the folder with the setting tools.";

/** The name of one of etcd's programs, or its path. */
export function etcdTool({ tools }: Pick<EtcdSettings, "tools">, name: string): string {
  return tools === undefined ? name : join(tools, name);
}

/** A member, as it says it is. Numbers of 64 bits are texts. */
export interface EtcdStatus {
  readonly version: string;
  readonly sizeBytes: number;
  readonly clusterId: string;
  readonly memberId: string;
  readonly revision: string;
}

/** A checksum over all keys up to a revision, from the revision on that was compacted. */
export interface EtcdHash {
  readonly hash: string;
  readonly compactRevision: string;
}

export interface EtcdCredentials {
  readonly user: string;
  readonly password: Secret;
}

export class EtcdClient {
  readonly #programs: Programs;
  readonly #settings: EtcdSettings;
  readonly #endpoint: string;
  readonly #credentials: EtcdCredentials | undefined;

  constructor(
    programs: Programs,
    settings: EtcdSettings,
    { endpoint, credentials }: { endpoint: string; credentials: EtcdCredentials | undefined },
  ) {
    this.#endpoint = endpoint;
    this.#programs = programs;
    this.#settings = settings;
    this.#credentials = credentials;
  }

  /** @throws SOURCES_TOOL_MISSING */
  async version(options: CallOptions): Promise<string> {
    const said = await this.#programs.text(
      { tool: etcdTool(this.#settings, "etcdctl"), args: ["version"], how: HOW },
      options,
    );
    return /version: (\S+)/.exec(said)?.[1] ?? said.trim();
  }

  /** @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_TOOL_FAILED */
  async status(options: CallOptions): Promise<EtcdStatus> {
    const { Status: status } = parsedAnswer.status(await this.#text(["endpoint", "status", "-w", "json"], options));
    const { cluster_id: clusterId, member_id: memberId, revision } = status.header;
    return { version: status.version, sizeBytes: Number(status.dbSize), clusterId, memberId, revision };
  }

  /** `undefined` when that revision was compacted, or is yet to come. @throws as `status` */
  async hash(revision: string, options: CallOptions): Promise<EtcdHash | undefined> {
    try {
      const said = await this.#text(["endpoint", "hashkv", "--rev", revision, "-w", "json"], options);
      const { hash, compact_revision: compactRevision } = parsedAnswer.hash(said).HashKV;
      return { hash, compactRevision: compactRevision ?? "0" };
    } catch (error) {
      if (isHoldfastError(error, "SOURCES_TOOL_FAILED")) return undefined;
      throw error;
    }
  }

  /** How many keys there are now. @throws as `status` */
  async keyCount(options: CallOptions): Promise<number> {
    // The count is that of all, however few are given.
    const said = await this.#text(["get", "", "--prefix", "--keys-only", "--limit=1", "-w", "json"], options);
    return Number(parsedAnswer.range(said).count ?? 0);
  }

  /** The value of a key; `undefined` when it is not there. @throws as `status` */
  async get(key: string, options: CallOptions): Promise<string | undefined> {
    const [found] = parsedAnswer.range(await this.#text(["get", "-w", "json", "--", key], options)).kvs ?? [];
    return found === undefined ? undefined : Buffer.from(found.value ?? "", "base64").toString("utf8");
  }

  /** What stands in the way: `NOSPACE`, `CORRUPT`. @throws as `status` */
  async alarms(options: CallOptions): Promise<string[]> {
    return [...(await this.#text(["alarm", "list"], options)).matchAll(/alarm:(\w+)/g)].map(([, name = ""]) => name);
  }

  /** Has a whole snapshot written to a file. @throws as `status` */
  async save(file: string, options: CallOptions): Promise<void> {
    await this.#text(["snapshot", "save", file], options);
  }

  async #text(args: readonly string[], options: CallOptions): Promise<string> {
    const { ca, certificate, key } = this.#settings;
    const option = (name: string, value: string | undefined): string[] =>
      value === undefined ? [] : [`${name}=${value}`];
    const credentials = this.#credentials;
    const call: ProgramCall = {
      tool: etcdTool(this.#settings, "etcdctl"),
      args: [
        `--endpoints=${this.#endpoint}`,
        ...option("--cacert", ca),
        ...option("--cert", certificate),
        ...option("--key", key),
        ...args,
      ],
      how: HOW,
      ...(credentials === undefined
        ? {}
        : {
            variables: { ETCDCTL_USER: credentials.user, ETCDCTL_PASSWORD: credentials.password.reveal() },
            secrets: [credentials.password],
          }),
    };
    try {
      return await this.#programs.text(call, options);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #explained(error: unknown): unknown {
    if (!isHoldfastError(error, "SOURCES_TOOL_FAILED")) return error;
    const { source } = this.#programs.options;
    const reason = String(error.details["reason"]);
    if (
      /authentication failed|permission denied|user name is empty|invalid auth token|etcdserver: user name/.test(reason)
    ) {
      return sourcesError("SOURCES_CREDENTIALS", { source, reason }, error);
    }
    if (/connection (error|refused)|DeadlineExceeded|deadline exceeded|Unavailable|no leader|EOF/.test(reason)) {
      return sourcesError("SOURCES_UNREACHABLE", { source, reason }, error);
    }
    return error;
  }
}
