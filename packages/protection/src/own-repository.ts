/** The repository of a machine whose user named none: opened, or made at the first run. */
import type { Secret } from "@holdfast/base";
import { createRepository, openRepository, type KeyOwner, type Repository } from "@holdfast/engine";
import { composeBackend, openBackend, removeStaleTemporaries, type Backend } from "@holdfast/storage";
import { protectionError } from "./errors.ts";
import { createPasswordFile, readPasswordFile } from "./password-file.ts";
import type { Places } from "./places.ts";

export interface OwnRepository {
  readonly repository: Repository;
  /** This run made it. */
  readonly isNew: boolean;
}

/**
 * The password is stored before the repository is made: a run that is cut off in between leaves a password without a
 * repository, which the next run uses, and never a repository without its password.
 * @throws PROTECTION_PASSWORD_MISSING, PROTECTION_PASSWORD_EXPOSED, PROTECTION_PASSWORD_NOT_MADE, and what opening a repository throws
 */
export async function openOwnRepository(
  places: Places,
  { signal, ...owner }: KeyOwner & { signal: AbortSignal },
): Promise<OwnRepository> {
  const backend = composeBackend(await openBackend(places.repository));
  const config = await backend.stat({ type: "config", name: "" }, { signal });
  const stored = readPasswordFile(places.passwordFile);
  if (config !== undefined) {
    if (stored === undefined) {
      const { repository, passwordFile: path } = places;
      throw protectionError("PROTECTION_PASSWORD_MISSING", { repository, path });
    }
    await removeStaleTemporaries(places.repository, { signal });
    return { repository: await openRepository(backend, stored, { signal }), isNew: false };
  }
  const password: Secret = stored ?? createPasswordFile(places.passwordFile);
  await removeLeftoverKeys(backend, signal);
  return { repository: await createRepository(backend, password, { signal, ...owner }), isNew: true };
}

/**
 * A first run that was cut off may leave a key file without a config. It opens nothing, but would be taken for the key of the
 * repository that is made now. Keys of a folder that holds any data are not touched: there the config was lost, and they are
 * what is left of the way in.
 */
async function removeLeftoverKeys(backend: Backend, signal: AbortSignal): Promise<void> {
  for (const type of ["snapshot", "index", "pack"] as const) {
    for await (const _ of backend.list(type, { signal })) return;
  }
  for await (const { name } of backend.list("key", { signal })) await backend.remove({ type: "key", name }, { signal });
}
