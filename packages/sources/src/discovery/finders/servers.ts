/** Servers that run, with what they listen on: what finders of databases have in common. */
import { PACKAGES } from "../host/installed-programs.ts";
import type { HostProcess } from "../host/processes.ts";
import type { HostView } from "../host/host-view.ts";
import type { TcpListener, UnixListener } from "../host/sockets.ts";
import type { Need } from "../candidate.ts";

export interface Server {
  readonly process: HostProcess;
  readonly tcp: readonly TcpListener[];
  readonly unix: readonly UnixListener[];
  /** False where it is only presumed to be the one that listens there. */
  readonly isCertain: boolean;
}

export interface ServerRule {
  readonly programs: readonly string[];
  readonly port: number;
  /** Its sockets, by their paths. */
  readonly socket?: RegExp;
}

/**
 * Processes of these programs. Of processes that belong to somebody else it is not known what they listen on: then what the same
 * user listens on counts, or the usual port; and nothing, where that user runs several of them.
 */
export function serversOf(view: HostView, { programs, port, socket }: ServerRule): Server[] {
  const processes = view.processes.filter((process) => isMain(process, programs));
  const isOurs = ({ path }: UnixListener): boolean => socket?.test(path) === true;
  return processes.map((process) => {
    const own = { tcp: process.tcp, unix: process.unix.filter(isOurs) };
    const isKnown = own.tcp.length + own.unix.length > 0 || process.container !== undefined;
    if (isKnown) return { process, ...own, isCertain: true };
    const isOneOfSeveral = processes.some((other) => other !== process && other.uid === process.uid);
    if (isOneOfSeveral) return { process, tcp: [], unix: [], isCertain: false };
    const tcp = view.tcp.filter((each) => (each.uid === process.uid && each.uid !== 0) || each.port === port);
    return { process, tcp, unix: view.unix.filter(isOurs), isCertain: false };
  });
}

/** What a command line says: `--name=value`, `--name value`, `-n value`. */
export function argument(args: readonly string[], ...names: readonly string[]): string | undefined {
  for (const [at, word] of args.entries()) {
    for (const name of names) {
      if (word === name) return args[at + 1];
      if (word.startsWith(`${name}=`)) return word.slice(name.length + 1);
    }
  }
  return undefined;
}

/** What a configuration says, as `name = value` or `name value`, without quotes; of several lines the last. */
export function configured(text: string | undefined, name: string): string | undefined {
  const lines = [
    ...(text ?? "").matchAll(new RegExp(`^[ \\t]*${name}(?:[ \\t]*[=:][ \\t]*|[ \\t]+)(.+?)[ \\t]*(?:#.*)?$`, "gim")),
  ];
  return lines.at(-1)?.[1]?.replace(/^(['"])(.*)\1$/, "$2");
}

/** The program as something that is needed, and whether it is here. */
export function tool(view: HostView, ...programs: readonly string[]): Need {
  const there = programs.find((program) => view.programs.has(program));
  const detail = there ?? programs[0] ?? "";
  const debian = PACKAGES[detail];
  return { what: "tool", detail, isThere: there !== undefined, ...(debian === undefined ? {} : { package: debian }) };
}

/** An address that a client on this machine can use. */
export function clientAddress({ address }: TcpListener): string {
  if (address === "0.0.0.0") return "127.0.0.1";
  return address === "::" ? "::1" : address;
}

/** Without processes that a server has started of itself: those say what they do in the place of their command line. */
function isMain({ names, args }: HostProcess, programs: readonly string[]): boolean {
  return names.some((name) => programs.includes(name)) && !/^\w+: /.test(args[0] ?? "");
}
