/** Proves in a worker that what was restored is on disk as the snapshot says: all content is read again. */
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { metadataDifferences } from "../filesystem/compare-metadata.ts";
import { fsPath } from "../filesystem/path-bytes.ts";
import type { TreeNode } from "../format/node.ts";
import { systemReason } from "../platform/libc.ts";
import type { AnchoredFolder } from "./anchored-folder.ts";
import { locateBlob, readHash } from "./file-content.ts";
import { readEntries } from "./folder-walk.ts";
import type { ChildFolder, EntriesWork } from "./messages.ts";
import { holdsPath } from "./path-hashes.ts";
import type { RestoreSelection } from "./selection.ts";
import type { Session } from "./session.ts";
import { TargetError } from "./target-error.ts";

/** Differences in the owner, as `metadataDifferences` words them. */
const OWNER_DIFFERENCES = /^(owner|group) is /;
const OTHER_TYPE = /^it is a /;

export class Verifier {
  readonly #session: Session;
  readonly #selection: RestoreSelection;
  /** Owners were restored: only root can give files to others. */
  readonly #hasOwners: boolean;
  #untouched: Float64Array = new Float64Array(0);

  constructor(session: Session, selection: RestoreSelection) {
    this.#session = session;
    this.#selection = selection;
    this.#hasOwners = session.rules.owner ?? process.geteuid?.() === 0;
  }

  /** Paths that were not restored, so that nothing is known of them. */
  leaveOut(hashes: Float64Array): void {
    this.#untouched = hashes;
  }

  /** Compares the entries of one folder with the target. */
  verify(bytes: ArrayBuffer, work: EntriesWork): void {
    const { folder } = work;
    const { nodes, parts } = readEntries(this.#session, bytes, work);
    const children: ChildFolder[] = [];
    try {
      for (const node of nodes) {
        this.#session.checkStop();
        const path = `${folder.path}/${node.name}`;
        if (holdsPath(this.#untouched, path)) continue;
        const { selected, descend } = this.#selection.select(path, node.type === "dir");
        if (descend && node.subtree !== undefined) {
          children.push({ path, fresh: false, node: "", tree: node.subtree, selected });
        }
        if (!selected || node.type === "socket") continue;
        this.#verifyEntry(this.#session.folders.open(folder.path), node, path);
      }
    } catch (error) {
      this.#session.failed(error, folder.path || "/");
    }
    const counts = { used: false, incomplete: false, files: 0, linked: [], large: [] };
    const segment = { folder: folder.id, children, parts, ...counts };
    this.#session.reporter.send({ kind: "entered", segments: [segment] });
  }

  #verifyEntry(folder: AnchoredFolder, node: TreeNode, path: string): void {
    const { reporter } = this.#session;
    const differences: string[] = [];
    try {
      const found = metadataDifferences(folder.at(node.name), node);
      differences.push(...found.filter((text) => this.#hasOwners || !OWNER_DIFFERENCES.test(text)));
      if (node.type === "file" && !found.some((text) => OTHER_TYPE.test(text))) this.#verifyContent(folder, node);
    } catch (error) {
      if (!(error instanceof TargetError) && !(error instanceof Error && "syscall" in error)) throw error;
      differences.push(systemReason(error));
    }
    if (differences.length > 0) reporter.problem({ code: "differs", path, reason: differences.join("; ") });
    if (node.type === "file") reporter.counters.add("filesVerified", 1);
  }

  #verifyContent(folder: AnchoredFolder, node: TreeNode): void {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = openSync(fsPath(folder.at(node.name)), flags);
    try {
      let offset = 0;
      for (const id of node.content ?? []) {
        this.#session.checkStop();
        const { plainBytes } = locateBlob(this.#session.index, id);
        if (readHash(file, offset, plainBytes) !== id)
          throw new TargetError(`its content differs from byte ${offset} on`);
        offset += plainBytes;
        this.#session.reporter.counters.add("bytesVerified", plainBytes);
      }
      if (fstatSync(file).size !== offset) throw new TargetError(`it has more than the ${offset} bytes of its content`);
    } finally {
      closeSync(file);
    }
  }
}
