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
const TELLING = ["path", "libvirt", "qmp", "domain", "socket"] as const;

/** Settings that neither side names do not keep them apart: a source without an address is the usual server. */
export function isSameServer(
  { kind, settings, title }: Pick<Candidate, "kind" | "settings" | "title">,
  given: unknown,
  hostname: string,
): boolean {
  const source = given as Settings;
  if (!isThisMachine(source["host"], hostname) || !areEndpointsHere(source, hostname)) return false;
  for (const name of TELLING) {
    if (differ(settings[name], source[name])) return false;
  }
  // A machine may be named by whatever its kind calls it.
  const machine = source["name"] ?? source["machine"];
  if (kind === "vm" && machine !== undefined && machine !== title) return false;
  const usual = USUAL_PORTS[kind];
  if (usual === undefined || bySocketAlone(settings, source)) return true;
  return portOf(settings, usual) === portOf(source, usual);
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
