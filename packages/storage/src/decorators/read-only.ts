/** Refuses every call that would write, before it reaches the store. */
import type { FileKey } from "../backend.ts";
import { storageError } from "../errors.ts";
import { ForwardingBackend } from "./forwarding.ts";

/** Reads as the inner backend; also refuses locks, so its user works without them. */
export class ReadOnlyBackend extends ForwardingBackend {
  /** @throws STORAGE_WRITE_REFUSED */
  override initialize(): Promise<void> {
    return this.#refuse("creating the folders");
  }

  /** @throws STORAGE_WRITE_REFUSED */
  override save(key: FileKey): Promise<void> {
    return this.#refuse(`saving a ${key.type} file`);
  }

  /** @throws STORAGE_WRITE_REFUSED */
  override remove(key: FileKey): Promise<void> {
    return this.#refuse(`removing a ${key.type} file`);
  }

  /** @throws STORAGE_WRITE_REFUSED */
  override extendRetention(key: FileKey): Promise<never> {
    return this.#refuse(`locking a ${key.type} file for longer`);
  }

  async #refuse(operation: string): Promise<never> {
    throw storageError("STORAGE_WRITE_REFUSED", { location: this.location, operation });
  }
}
