/** What was removed and can still come back: listing it, bringing it back, destroying it when its time is over. */
import { isHoldfastError } from "@holdfast/base";
import { type CallOptions, bytesSource } from "@holdfast/storage";
import { serverError } from "../errors.ts";
import type { Ledger, LedgerKey, TrashRow } from "./ledger.ts";
import type { RepositoryPlaces } from "./repository-places.ts";

export class Trash {
  readonly #ledger: Ledger;
  readonly #places: RepositoryPlaces;

  constructor(ledger: Ledger, places: RepositoryPlaces) {
    this.#ledger = ledger;
    this.#places = places;
  }

  /** Everything that can come back, by repository and time of removal. */
  list(): TrashRow[] {
    return this.#ledger.allTrash();
  }

  /**
   * Makes a removed file visible again.
   * @throws SERVER_RESTORE_BLOCKED for a config where another one is, SERVER_NOT_IN_TRASH when it is being destroyed
   */
  async restore(row: TrashRow, { signal }: CallOptions): Promise<void> {
    if (row.content !== undefined) {
      const backend = await this.#places.open(row.repository);
      const save = backend.save({ type: row.type, name: "" }, bytesSource(row.content), { signal, ifAbsent: true });
      await save.catch((error: unknown) => {
        if (!isHoldfastError(error, "STORAGE_EXISTS")) throw error;
        throw serverError("SERVER_RESTORE_BLOCKED", { type: row.type, repository: row.repository }, error);
      });
    }
    if (!this.#ledger.untrash(row)) throw serverError("SERVER_NOT_IN_TRASH", { name: row.name });
  }

  /** Destroys a file for good, whatever its time. @throws SERVER_NOT_IN_TRASH when somebody has brought it back */
  async purge(row: TrashRow, { signal }: CallOptions): Promise<void> {
    // From here on nobody can bring it back, or take it for present: also when this process ends now.
    if (!this.#ledger.startPurge(row)) throw serverError("SERVER_NOT_IN_TRASH", { name: row.name });
    if (row.content === undefined) await this.#destroy(row, signal);
    this.#ledger.endPurge(row);
  }

  /** Destroys all whose time is over. Returns how many that were. */
  async purgeDue(nowMs: number, { signal }: CallOptions): Promise<number> {
    let count = 0;
    for (let rows = this.#ledger.dueTrash(nowMs); rows.length > 0; rows = this.#ledger.dueTrash(nowMs)) {
      for (const row of rows) {
        signal.throwIfAborted();
        await this.purge(row, { signal });
        count++;
      }
    }
    return count;
  }

  async #destroy({ repository, type, name }: LedgerKey, signal: AbortSignal): Promise<void> {
    const backend = await this.#places.open(repository);
    await backend.remove({ type, name }, { signal }).catch((error: unknown) => {
      if (!isHoldfastError(error, "STORAGE_NOT_FOUND")) throw error;
    });
  }
}
