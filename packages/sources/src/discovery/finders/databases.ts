/** Database servers, running or not: by process, port, socket and data folder. What differs between them is in `database-rules.ts`. */
import type { Finding, Need } from "../candidate.ts";
import type { HostView } from "../host/host-view.ts";
import type { MarkKind } from "../walk/messages.ts";
import { type Server, type ServerRule, clientAddress, serversOf } from "./servers.ts";

/** Where a client finds a server. */
export interface ServerPlace {
  readonly host: string | undefined;
  /** The usual one, where it is not known. */
  readonly port: number;
  readonly isPortKnown: boolean;
  /** The path of a socket. */
  readonly socket: string | undefined;
  readonly folder: string | undefined;
}

export interface DatabaseRule extends ServerRule {
  readonly kind: string;
  readonly product: string;
  /** What a walk finds of its data. */
  readonly mark: MarkKind;
  /** The folder of its data, from command line and configuration. */
  readonly folder: (server: Server, view: HostView) => string | undefined;
  /** The port that command line or configuration names. */
  readonly named?: (server: Server, view: HostView) => number | undefined;
  /** Whether a folder that no server uses is data of this product after all. */
  readonly isPlausible?: (folder: string, view: HostView) => boolean;
  readonly settings: (
    place: ServerPlace,
    server: Server | undefined,
    view: HostView,
  ) => Readonly<Record<string, unknown>>;
  readonly command?: (place: ServerPlace) => readonly string[];
  /** Its tools read the files themselves, so that the server need not run. */
  readonly isReadStopped?: true;
  readonly needs: (view: HostView, server: Server | undefined) => readonly Need[];
}

/** Each server with its data, then each data folder without a server. */
export function findDatabases(rules: readonly DatabaseRule[], view: HostView): Finding[] {
  return rules.flatMap((rule) => {
    const running = serversOf(view, rule).map((server) => ofServer(rule, server, view));
    const used = new Set(running.flatMap(({ paths }) => paths));
    const stopped = view.marks
      .filter(({ what, path }) => what === rule.mark && !used.has(path))
      .filter(({ path }) => rule.isPlausible?.(path, view) ?? true)
      .map(({ path, detail }) => ofFolder(rule, path, detail, view));
    return [...running, ...stopped];
  });
}

function ofServer(rule: DatabaseRule, server: Server, view: HostView): Finding {
  const { process } = server;
  const { container } = process;
  const folder = container === undefined ? rule.folder(server, view) : undefined;
  const place = placeOf(rule, server, { folder, view });
  const detail =
    container !== undefined ? `, in container ${container}` : place.isPortKnown ? `, port ${place.port}` : "";
  const where = container === undefined ? (folder ?? `port ${place.port}`) : `container ${container}`;
  return {
    id: `${rule.kind}:${where}`,
    category: "database",
    kind: rule.kind,
    title: `${rule.product}${versionIn(process.path ?? folder)}${detail}`,
    paths: folder === undefined ? [] : [folder],
    confidence:
      container === undefined && (server.isCertain || (folder !== undefined && place.isPortKnown))
        ? "certain"
        : "likely",
    evidence: `process ${process.pid} (${process.program})${listening(server)}`,
    criticality: "critical",
    reason: "a database server that runs: its files change all the time, and copies of them alone are not consistent",
    needs: [...rule.needs(view, server), ...(container === undefined ? [] : [REACHABLE])],
    settings: rule.settings(place, server, view),
    ...(rule.command === undefined ? {} : { command: rule.command(place) }),
    ...(container === undefined ? {} : { container }),
  };
}

const RUNNING: Need = { what: "preparation", detail: "the server to run while it is captured" };
const REACHABLE: Need = {
  what: "preparation",
  detail: "its port reachable from outside of the container, or a command that runs in it",
};

function placeOf(
  rule: DatabaseRule,
  server: Server,
  { folder, view }: { folder: string | undefined; view: HostView },
): ServerPlace {
  const usual = server.tcp.find((each) => each.port === rule.port) ?? server.tcp[0];
  const port = rule.named?.(server, view) ?? usual?.port;
  const listener = server.tcp.find((each) => each.port === port);
  return {
    host: listener === undefined ? undefined : clientAddress(listener),
    port: port ?? rule.port,
    isPortKnown: port !== undefined,
    socket: server.unix[0]?.path,
    folder,
  };
}

function listening({ unix, tcp }: Server): string {
  const all = [...unix.map(({ path }) => path), ...tcp.map(({ port }) => `port ${port}`)];
  return all.length === 0 ? "" : ` listens on ${[...new Set(all)].join(", ")}`;
}

function ofFolder(rule: DatabaseRule, folder: string, detail: string, view: HostView): Finding {
  const place = { host: undefined, port: rule.port, isPortKnown: false, socket: undefined, folder };
  return {
    id: `${rule.kind}:${folder}`,
    category: "database",
    kind: rule.kind,
    title: `${rule.product}${versionIn(folder)}, not running`,
    paths: [folder],
    isAtRest: true,
    confidence: "likely",
    evidence: `a data folder of ${rule.product}${detail === "" ? "" : ` (${detail})`} that no process here is known to use`,
    criticality: "important",
    reason: "data of a database server that does not run: whether it is still needed, only you know",
    needs: [...rule.needs(view, undefined), ...(rule.isReadStopped === true ? [] : [RUNNING])],
    settings: rule.settings(place, undefined, view),
    ...(rule.command === undefined ? {} : { command: rule.command(place) }),
  };
}

/** ` 15`, from `/usr/lib/postgresql/15/bin/postgres`. */
function versionIn(path: string | undefined): string {
  const version = /\/(?:postgresql|pgsql|mysql|mariadb)[/-](\d+(?:\.\d+)?)(?:\/|$)/.exec(path ?? "")?.[1];
  return version === undefined ? "" : ` ${version}`;
}
