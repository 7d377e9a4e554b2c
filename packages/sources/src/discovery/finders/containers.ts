/** Container engines with their volumes, and descriptions of what runs in them. No engine is asked: that would be a request to it. */
import { basename } from "node:path";
import type { Finding, Need } from "../candidate.ts";
import { dockerFolder } from "../host/docker-folder.ts";
import type { HostView } from "../host/host-view.ts";

const DOCKER = "Docker";
const PODMAN = "Podman";

interface Engine {
  readonly name: string;
  readonly folder: string;
  readonly socket: string;
  /** Who it belongs to; `undefined` for that of the system. */
  readonly owner: string | undefined;
}

/** Volumes that nobody has named have an id for a name. */
const ANONYMOUS = /^[0-9a-f]{64}$/;

/** Each engine once, then compose files. */
export function findContainers(view: HostView): Finding[] {
  const owner = undefined;
  const engines: Engine[] = [
    { name: DOCKER, folder: dockerFolder(view.texts), socket: "/var/run/docker.sock", owner },
    { name: PODMAN, folder: "/var/lib/containers/storage", socket: "/run/podman/podman.sock", owner },
  ];
  for (const { name: user, home, uid } of view.users.filter((each) => each.isPerson && each.home !== "/")) {
    const [data, run] = [`${home}/.local/share`, `/run/user/${uid}`];
    engines.push(
      { name: PODMAN, folder: `${data}/containers/storage`, socket: `${run}/podman/podman.sock`, owner: user },
      { name: DOCKER, folder: `${data}/docker`, socket: `${run}/docker.sock`, owner: user },
    );
  }
  return [...engines.flatMap((engine) => ofEngine(view, engine)), ...composeFiles(view)];
}

function ofEngine(view: HostView, engine: Engine): Finding[] {
  const { name, folder, socket } = engine;
  const volumes = `${folder}/volumes`;
  const listens = [...view.unix, ...view.processes.flatMap(({ unix }) => unix)].some(
    ({ path }) => path.replace(/^\/var\/run\//, "/run/") === socket.replace(/^\/var\/run\//, "/run/"),
  );
  if (view.folders.of(folder) === undefined && !listens) return [];
  const all = view.folders.below(volumes).map((path) => basename(path));
  const named = all.filter((volume) => !ANONYMOUS.test(volume));
  const evidence = [
    listens ? `an engine listens on ${socket}` : `${folder} is there, and no engine listens on ${socket}`,
  ];
  if (all.length > 0) evidence.push(`${all.length} volumes, ${named.length} of them with names`);
  return [
    {
      id: `docker:${folder}`,
      category: "containers",
      kind: "docker",
      title: `${name}${named.length === 0 ? "" : `: ${named.slice(0, 5).join(", ")}${named.length > 5 ? ` and ${named.length - 5} more` : ""}`}`,
      paths: view.folders.of(volumes) === undefined ? [] : [volumes],
      confidence: listens || all.length > 0 ? "certain" : "possible",
      evidence: evidence.join("; "),
      criticality: named.length > 0 ? "critical" : "normal",
      reason:
        named.length > 0
          ? "volumes hold what containers keep; images come from a registry again"
          : "no volume has a name: containers here seem to keep nothing",
      needs: needsOf(engine, listens),
      settings: { socket },
    },
  ];
}

/** No program of the engine is run: its socket is enough. */
function needsOf({ name, owner }: Engine, listens: boolean): Need[] {
  const rights: Need =
    owner === undefined
      ? { what: "rights", detail: "root: volumes are read from the disk of this machine" }
      : { what: "rights", detail: `${owner}, or root` };
  if (listens) return [rights];
  const user = owner === undefined ? "" : " --user";
  const detail =
    name === PODMAN
      ? `its socket: systemctl${user} enable --now podman.socket`
      : "the engine to run while it is captured";
  return [{ what: "preparation", detail }, rights];
}

function composeFiles(view: HostView): Finding[] {
  return view.marks
    .filter(({ what }) => what === "compose")
    .map(({ path }): Finding => ({
      id: `files:${path}`,
      category: "containers",
      kind: "files",
      title: "compose file",
      paths: [path],
      confidence: "likely",
      evidence: "its name",
      criticality: "important",
      reason: "says how containers are put together; its folder often holds their settings",
      settings: { paths: [path.slice(0, path.lastIndexOf("/")) || "/"] },
    }));
}
