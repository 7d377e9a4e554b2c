/** Works on a snapshot's file: `etcdutl` where it is installed (since 3.5), else `etcdctl`, which lost that in 3.6. */
import type { CallOptions } from "../contract/source.ts";
import type { ProgramCall, Programs } from "../programs/programs.ts";
import { etcdTool } from "./etcd-client.ts";
import { type SnapshotStatus, parsedAnswer } from "./parsed-answer.ts";
import type { EtcdSettings } from "./settings.ts";

const HOW = "Install the package etcd-client (etcdutl or etcdctl), or name the folder with the setting tools.";

export interface SnapshotRestore extends CallOptions {
  readonly file: string;
  /** Must not be there. */
  readonly data: string;
  readonly member: string;
  readonly peerUrl: string;
  readonly initialCluster: string | undefined;
  readonly token: string;
  readonly revisionBump: number;
}

export class SnapshotTool {
  readonly #programs: Programs;
  readonly #tool: string;

  private constructor(programs: Programs, tool: string) {
    this.#programs = programs;
    this.#tool = tool;
  }

  /** @throws SOURCES_TOOL_MISSING */
  static async find(programs: Programs, settings: Pick<EtcdSettings, "tools">): Promise<SnapshotTool> {
    const newer = etcdTool(settings, "etcdutl");
    if ((await programs.find(newer)) !== undefined) return new SnapshotTool(programs, newer);
    const older = etcdTool(settings, "etcdctl");
    await programs.require(older, HOW);
    return new SnapshotTool(programs, older);
  }

  /** Reads all of it, and compares its checksum. @throws SOURCES_TOOL_FAILED */
  async status(file: string, options: CallOptions): Promise<SnapshotStatus> {
    const said = await this.#programs.text(this.#call(["snapshot", "status", file, "-w", "json"]), options);
    const status = parsedAnswer.snapshot(said);
    // A server without any key says that it is at revision 1.
    return { ...status, revision: status.revision === "0" ? "1" : status.revision };
  }

  /** Makes a data folder of it. @returns whether later revisions were made to begin anew @throws SOURCES_TOOL_FAILED */
  async restore(restore: SnapshotRestore): Promise<boolean> {
    const { file, data, member, peerUrl, initialCluster, token, revisionBump, signal } = restore;
    const canBump = revisionBump > 0 && (await this.#knows("--bump-revision", { signal }));
    const args = [
      "snapshot",
      "restore",
      file,
      `--data-dir=${data}`,
      `--name=${member}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=${initialCluster ?? `${member}=${peerUrl}`}`,
      `--initial-cluster-token=${token}`,
      ...(canBump ? [`--bump-revision=${revisionBump}`, "--mark-compacted"] : []),
    ];
    await this.#programs.text(this.#call(args), { signal });
    return canBump;
  }

  async #knows(option: string, options: CallOptions): Promise<boolean> {
    return (await this.#programs.text(this.#call(["snapshot", "restore", "--help"]), options)).includes(option);
  }

  #call(args: readonly string[]): ProgramCall {
    return { tool: this.#tool, args, how: HOW };
  }
}
