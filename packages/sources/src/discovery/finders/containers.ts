/** Container engines with their volumes, and descriptions of what runs in them. No engine is asked: that would be a request to it. */
import { basename } from "node:path";
import type { Finding } from "../candidate.ts";
import type { HostView } from "../host/host-view.ts";
import { tool } from "./servers.ts";

interface Engine {
  readonly name: string;
  readonly kind: string;
  readonly folder: string;
  readonly volumes: string;
  readonly socket: string;
  readonly program: string;
}

const DOCKER: Engine = {
  name: "Docker",
  kind: "docker",
  folder: "/var/lib/docker",
  volumes: "/var/lib/docker/volumes",
  socket: "/var/run/docker.sock",
  program: "docker",
};
const PODMAN: Engine = {
  name: "Podman",
  kind: "docker",
  folder: "/var/lib/containers/storage",
  volumes: "/var/lib/containers/storage/volumes",
  socket: "/run/podman/podman.sock",
  program: "podman",
};
/** Volumes that nobody has named have an id for a name. */
const ANONYMOUS = /^[0-9a-f]{64}$/;

/** Each engine once, then compose files. */
export function findContainers(view: HostView): Finding[] {
  const rootless = view.users
    .filter(({ isPerson, home }) => isPerson && home !== "/")
    .map(({ home, uid }): Engine => {
      const folder = `${home}/.local/share/containers/storage`;
      return { ...PODMAN, folder, volumes: `${folder}/volumes`, socket: `/run/user/${uid}/podman/podman.sock` };
    });
  return [...[DOCKER, PODMAN, ...rootless].flatMap((engine) => ofEngine(view, engine)), ...composeFiles(view)];
}

function ofEngine(view: HostView, engine: Engine): Finding[] {
  const { folder, volumes, socket, program } = engine;
  const listens = [...view.unix, ...view.processes.flatMap(({ unix }) => unix)].some(
    ({ path }) => path.replace(/^\/var\/run\//, "/run/") === socket.replace(/^\/var\/run\//, "/run/"),
  );
  if (view.folders.of(folder) === undefined && !listens) return [];
  const all = view.folders.below(volumes).map((path) => basename(path));
  const named = all.filter((name) => !ANONYMOUS.test(name));
  const evidence = [
    listens ? `an engine listens on ${socket}` : `${folder} is there, and no engine listens on ${socket}`,
  ];
  if (all.length > 0) evidence.push(`${all.length} volumes, ${named.length} of them with names`);
  return [
    {
      id: `${engine.kind}:${folder}`,
      category: "containers",
      kind: engine.kind,
      title: `${engine.name}${named.length === 0 ? "" : `: ${named.slice(0, 5).join(", ")}${named.length > 5 ? ` and ${named.length - 5} more` : ""}`}`,
      paths: view.folders.of(volumes) === undefined ? [] : [volumes],
      confidence: listens || all.length > 0 ? "certain" : "possible",
      evidence: evidence.join("; "),
      criticality: named.length > 0 ? "critical" : "normal",
      reason:
        named.length > 0
          ? "volumes hold what containers keep; images come from a registry again"
          : "no volume has a name: containers here seem to keep nothing",
      needs: [tool(view, program), { what: "rights", detail: `root, or the group that may use ${socket}` }],
      settings: { socket },
    },
  ];
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
