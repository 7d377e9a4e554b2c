/** Where the repositories of a server lie: all below one place of any kind that Holdfast can open. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  type Backend,
  FileThreads,
  type RetryOptions,
  type Surroundings,
  composeBackend,
  parseLocation,
} from "@holdfast/storage";
import { serverError } from "../errors.ts";
import { isRepositoryName } from "./request-path.ts";

/** The folder of the server's own records, where repositories lie in a local folder. No repository can have this name. */
const STATE_FOLDER = ".holdfast-server";
/** A call to a backend may last as long as a slow client takes, so that its own idea of how many are good is not applied. */
const MAX_CALLS = 512;
/** A client repeats what failed by itself; it must not wait for the server to do so for long. */
const RETRY: RetryOptions = { maxElapsedMs: 15_000 };

export interface PlacesOptions {
  readonly surroundings: Surroundings;
  /** Folder of the server's own records. Default: one in `root`, if that is a local folder. */
  readonly stateFolder?: string | undefined;
}

export class RepositoryPlaces {
  /** For people; holds no secret. */
  readonly shown: string;
  readonly stateFolder: string;
  readonly #root: string;
  readonly #localRoot: string | undefined;
  readonly #surroundings: Surroundings;
  readonly #fileThreads = new FileThreads();
  readonly #open = new Map<string, Promise<Backend>>();

  /** @throws SERVER_NO_ROOT, SERVER_NO_STATE, and what `parseLocation` throws */
  constructor(root: string, { surroundings, stateFolder }: PlacesOptions) {
    const { scheme, shown } = parseLocation(root);
    this.shown = shown;
    this.#surroundings = surroundings;
    this.#localRoot = scheme === "local" ? resolve(shown) : undefined;
    this.#root = this.#localRoot ?? root.replace(/\/+$/, "");
    if (this.#localRoot !== undefined && !existsSync(this.#localRoot)) {
      throw serverError("SERVER_NO_ROOT", { path: this.#localRoot });
    }
    if (stateFolder !== undefined) this.stateFolder = resolve(stateFolder);
    else if (this.#localRoot === undefined) throw serverError("SERVER_NO_STATE");
    else this.stateFolder = join(this.#localRoot, STATE_FOLDER);
  }

  /**
   * The backend of a repository, whether or not there is one; the same each time.
   * @throws SERVER_BAD_PATH, and what opening throws
   */
  open(repository: string): Promise<Backend> {
    if (!isRepositoryName(repository)) throw serverError("SERVER_BAD_PATH");
    const known = this.#open.get(repository);
    if (known !== undefined) return known;
    const opening = this.#openNew(repository);
    this.#open.set(repository, opening);
    // The next one may have more luck.
    opening.catch(() => this.#open.delete(repository));
    return opening;
  }

  /** @throws SERVER_NO_ROOT when the disk is not mounted any more: nothing must grow in its mount point */
  requireRoot(): void {
    const root = this.#localRoot;
    if (root === undefined) return;
    const isHere = this.stateFolder.startsWith(`${root}/`) ? existsSync(this.stateFolder) : existsSync(root);
    if (!isHere) throw serverError("SERVER_NO_ROOT", { path: root });
  }

  async close(): Promise<void> {
    const all = await Promise.allSettled(this.#open.values());
    this.#open.clear();
    for (const outcome of all) if (outcome.status === "fulfilled") await outcome.value.close();
    await this.#fileThreads.close();
  }

  async #openNew(repository: string): Promise<Backend> {
    const place = repository === "" ? this.#root : `${this.#root}/${repository}`;
    const backend = await parseLocation(place).open(this.#surroundings, { fileThreads: this.#fileThreads });
    return composeBackend(backend, { maxConcurrency: MAX_CALLS, retry: RETRY });
  }
}
