/** Whether a source of the configuration means the same server, machine or file as a candidate. */
import type { Candidate } from "@holdfast/sources";

type Settings = Readonly<Record<string, unknown>>;

const USUAL_PORTS: Readonly<Record<string, number>> = {
  postgres: 5432,
  mysql: 3306,
  redis: 6379,
  etcd: 2379,
  mongodb: 27_017,
};
/** What tells one from the other, where both sides name it. */
const TELLING = ["path", "socket"] as const;

/**
 * Settings that one side does not name do not keep them apart: a source without an address is the usual server of this machine. Virtual
 * machines have no such default.
 */
export function isSameServer(
  { kind, settings, paths }: Pick<Candidate, "kind" | "settings" | "paths">,
  given: unknown,
  hostname: string,
): boolean {
  const source = given as Settings;
  if (kind === "vm") return isSameMachine(settings, source, paths);
  if (!isOnThisMachine(source, hostname)) return false;
  for (const name of TELLING) {
    if (differ(settings[name], source[name])) return false;
  }
  // A folder of sockets stands for a host.
  if (isPath(settings["host"]) && isPath(source["host"]) && differ(settings["host"], source["host"])) return false;
  const usual = USUAL_PORTS[kind];
  if (usual === undefined || bySocketAlone(settings, source)) return true;
  return portOf(settings, usual) === portOf(source, usual);
}

/** Whether it is a server that is asked over a connection, and so must run. */
export function isServerKind(kind: string): boolean {
  return kind in USUAL_PORTS;
}

/** Whether its address, where it names one, is of this machine. */
export function isOnThisMachine(given: unknown, hostname: string): boolean {
  const source = given as Settings;
  return isThisMachine(source["host"], hostname) && areEndpointsHere(source, hostname);
}

/** Sockets of engines in the order in which sources without one look for them; those of users are not among them. */
const SYSTEM_ENGINES = ["/run/docker.sock", "/run/podman/podman.sock"];

/** Whether a source of containers finds this engine: the one whose socket it names, or the first of all that there are. */
export function isUsualEngine(
  { settings }: Pick<Candidate, "settings">,
  others: readonly Pick<Candidate, "settings">[],
  given: unknown,
  { isRoot }: { readonly isRoot: boolean },
): boolean {
  if ((given as Settings)["socket"] !== undefined) return true;
  const rank = (engine: Settings): number => {
    const at = SYSTEM_ENGINES.indexOf(normal(String(engine["socket"])));
    return at >= 0 ? at : isRoot ? SYSTEM_ENGINES.length : -1;
  };
  return others.every((other) => rank(other.settings) > rank(settings));
}

function isSameMachine(settings: Settings, source: Settings, paths: readonly string[]): boolean {
  // `qemu+ssh://host/system` is another machine's libvirt.
  if (typeof source["uri"] === "string" && /^[^:]+:\/\/[^/]/.test(source["uri"])) return false;
  for (const name of ["libvirt", "qmp"] as const) {
    if (settings[name] !== undefined && source[name] !== undefined) return !differ(settings[name], source[name]);
  }
  const disks = Array.isArray(source["disks"]) ? (source["disks"] as unknown[]) : [];
  return disks.some((disk) => paths.includes((disk as { readonly path?: string }).path ?? String(disk)));
}

function isPath(value: unknown): value is string {
  return typeof value === "string" && value.startsWith("/");
}

/** A path of a socket says all, as ports say nothing then. */
function bySocketAlone(a: Settings, b: Settings): boolean {
  return a["socket"] !== undefined && b["socket"] !== undefined;
}

function differ(a: unknown, b: unknown): boolean {
  return typeof a === "string" && typeof b === "string" && normal(a) !== normal(b);
}

/** `/var/run` is another name of `/run`. */
function normal(path: string): string {
  return path.replace(/^unix:/, "").replace(/^\/var\/run\//, "/run/");
}

function portOf(settings: Settings, usual: number): number {
  if (typeof settings["port"] === "number") return settings["port"];
  const [endpoint] = endpointsOf(settings);
  return Number(/:(\d+)\/?$/.exec(endpoint ?? "")?.[1] ?? usual);
}

/** A path is that of a socket's folder. */
function isThisMachine(host: unknown, hostname: string): boolean {
  return (
    typeof host !== "string" ||
    host.startsWith("/") ||
    ["localhost", "127.0.0.1", "::1", "[::1]", hostname].includes(host)
  );
}

function areEndpointsHere(settings: Settings, hostname: string): boolean {
  const endpoints = endpointsOf(settings);
  if (endpoints.length === 0) return true;
  return endpoints.some((each) => isThisMachine(/^(?:\w+:\/\/)?(.*?)(?::\d+)?\/?$/.exec(each)?.[1], hostname));
}

function endpointsOf({ endpoints }: Settings): string[] {
  return Array.isArray(endpoints) ? endpoints.filter((each) => typeof each === "string") : [];
}
