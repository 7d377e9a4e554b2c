/**
 * Adds, but never replaces or removes; only locks may be removed, as every run has to take its own away. Protects against
 * mistakes of this program; against a taken-over host the store itself must refuse.
 */
import { isHoldfastError } from "@holdfast/base";
import type { ByteSource, FileKey, RemoveOptions, SaveOptions } from "../backend.ts";
import { storageError } from "../errors.ts";
import { assertKey } from "../keys.ts";
import { hasSameContent } from "../same-content.ts";
import { ForwardingBackend } from "./forwarding.ts";

export class AppendOnlyBackend extends ForwardingBackend {
  /**
   * Saving what is there already succeeds without writing, as a plain save may be repeated.
   * @throws STORAGE_EXISTS when other content is there
   */
  override async save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    try {
      await this.inner.save(key, body, { ...options, ifAbsent: true });
    } catch (error) {
      if (options.ifAbsent === true || !isHoldfastError(error, "STORAGE_EXISTS")) throw error;
      if (!(await hasSameContent(this.inner, key, body, options))) throw error;
    }
  }

  /** @throws STORAGE_APPEND_ONLY for all but locks */
  override async remove(key: FileKey, options: RemoveOptions): Promise<void> {
    options.signal.throwIfAborted();
    assertKey(key);
    if (key.type !== "lock") throw storageError("STORAGE_APPEND_ONLY", { location: this.location, ...key });
    await this.inner.remove(key, options);
  }
}
