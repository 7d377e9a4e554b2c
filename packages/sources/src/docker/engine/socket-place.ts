/** Where the engine listens. */
import { access } from "node:fs/promises";
import { sourcesError } from "../../errors.ts";

const SCHEME = "unix://";

/**
 * The path of the socket: what was set, what `DOCKER_HOST` says, or the first usual place where there is one.
 * @param uid of this process
 * @throws SOURCES_UNREACHABLE, SOURCES_UNSUPPORTED for an engine that is not on this machine
 */
export async function socketPlace(
  set: string | undefined,
  { environment, uid, source }: Readonly<{ environment: Environment; uid: number | undefined; source: string }>,
): Promise<string> {
  if (set !== undefined) return set;
  const host = environment["DOCKER_HOST"] ?? "";
  if (host.startsWith(SCHEME)) return host.slice(SCHEME.length);
  if (host !== "") {
    const reason = `DOCKER_HOST is ${host}, and volumes are read from the disks of the machine that the engine runs on`;
    throw sourcesError("SOURCES_UNSUPPORTED", { source, what: "an engine elsewhere", reason });
  }
  const places = usualPlaces(environment, uid);
  for (const place of places) {
    const isThere = await access(place).then(
      () => true,
      () => false,
    );
    if (isThere) return place;
  }
  throw sourcesError("SOURCES_UNREACHABLE", { source, reason: `there is no socket at ${places.join(" or ")}` });
}

type Environment = Readonly<Record<string, string | undefined>>;

function usualPlaces(environment: Environment, uid: number | undefined): string[] {
  const system = ["/var/run/docker.sock", "/run/podman/podman.sock"];
  if (uid === 0 || uid === undefined) return system;
  const own = environment["XDG_RUNTIME_DIR"] ?? `/run/user/${uid}`;
  return [`${own}/docker.sock`, `${own}/podman/podman.sock`, ...system];
}
