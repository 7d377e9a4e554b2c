/** Remotes of rclone, as people write them: `rclone:remote:path`. */
import type { Backend } from "../backend.ts";
import { storageError } from "../errors.ts";
import type { Location, Surroundings } from "../location.ts";

/** What follows `rclone:`. @throws STORAGE_INVALID_LOCATION */
export function rcloneLocation(remote: string): Location {
  const shown = `rclone:${withoutParameters(remote)}`;
  // A remote that begins with a dash would be an option of rclone.
  if (remote === "" || remote.startsWith("-") || remote.includes("\0") || !remote.includes(":")) {
    const reason = "it is written rclone:remote:path, with a remote that rclone knows";
    throw storageError("STORAGE_INVALID_LOCATION", { location: shown, reason });
  }
  return { scheme: "rclone", shown, open: (surroundings) => open(remote, shown, surroundings) };
}

/** `remote,parameter=value:path` and `:sftp,pass=…:path` may hold secrets in their parameters. */
function withoutParameters(remote: string): string {
  const comma = remote.indexOf(",");
  return comma < 0 ? remote : `${remote.slice(0, comma)},…`;
}

async function open(remote: string, shown: string, surroundings: Surroundings): Promise<Backend> {
  const { openRclone } = await import("./open-rclone.ts");
  return openRclone(remote, shown, surroundings);
}
