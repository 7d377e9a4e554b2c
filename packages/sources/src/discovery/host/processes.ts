/** Processes of this machine, and what each listens on; as far as this user may look. Only `/proc` is read. */
import { readdirSync, statSync } from "node:fs";
import { basename } from "node:path";
import { kernelText, linkTarget, namesIn } from "./quiet-reads.ts";
import { type TcpListener, type UnixListener, parseTcp, parseUnix } from "./sockets.ts";

export interface HostProcess {
  readonly pid: number;
  /** What it calls itself, for people. */
  readonly program: string;
  /** That, and the name of its file: Debian's redis-server is a link to redis-check-rdb. */
  readonly names: readonly string[];
  /** The file; `undefined` for what belongs to somebody else. */
  readonly path: string | undefined;
  readonly args: readonly string[];
  readonly uid: number;
  /** The folder it works in; `undefined` for what belongs to somebody else. */
  readonly folder: string | undefined;
  readonly tcp: readonly TcpListener[];
  readonly unix: readonly UnixListener[];
  /** The id of the container that it runs in: its paths are not those of this machine. */
  readonly container: string | undefined;
}

export interface ProcessFindings {
  readonly processes: readonly HostProcess[];
  /** Listeners that cannot be told to belong to a process. */
  readonly tcp: readonly TcpListener[];
  readonly unix: readonly UnixListener[];
  /** Processes whose open files could not be seen. */
  readonly hidden: number;
}

/** @param proc where the system shows its processes */
export function readProcesses(proc: string): ProcessFindings {
  const tcp = [...parseTcp(kernelText(`${proc}/net/tcp`)), ...parseTcp(kernelText(`${proc}/net/tcp6`))];
  const unix = parseUnix(kernelText(`${proc}/net/unix`));
  const wanted = new Set([...tcp, ...unix].map(({ inode }) => inode));
  const taken = new Set<string>();
  let hidden = 0;
  const processes = namesIn(proc)
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid): HostProcess[] => {
      const args = kernelText(`${proc}/${pid}/cmdline`)
        .split("\0")
        .filter((word, at) => word !== "" || at === 0);
      // Threads of the kernel have no command line, and what has ended neither.
      if (args[0] === undefined || args[0] === "") return [];
      const path = linkTarget(`${proc}/${pid}/exe`)?.replace(/ \(deleted\)$/, "");
      const program = programName(args[0], kernelText(`${proc}/${pid}/comm`).trim());
      const open = openSockets(`${proc}/${pid}/fd`, wanted);
      if (open === undefined) hidden++;
      else for (const inode of open) taken.add(inode);
      return [
        {
          pid: Number(pid),
          program,
          names: path === undefined ? [program] : [...new Set([program, basename(path)])],
          path,
          args,
          uid: ownerOf(`${proc}/${pid}`),
          folder: linkTarget(`${proc}/${pid}/cwd`),
          tcp: tcp.filter(({ inode }) => open?.has(inode) === true),
          unix: unix.filter(({ inode }) => open?.has(inode) === true),
          container: containerOf(kernelText(`${proc}/${pid}/cgroup`)),
        },
      ];
    });
  return {
    processes,
    tcp: tcp.filter(({ inode }) => !taken.has(inode)),
    unix: unix.filter(({ inode }) => !taken.has(inode)),
    hidden,
  };
}

/** The id of a container in a path of control groups, by the names that engines give. */
function containerOf(cgroup: string): string | undefined {
  return /(?:docker|libpod|crio|cri-containerd|containerd|kubepods[^\n]*?)[-/]([0-9a-f]{12})[0-9a-f]{52}/.exec(
    cgroup,
  )?.[1];
}

/** Some servers write what they do in the place of their command line; `comm` is cut after fifteen characters. */
function programName(first: string, comm: string): string {
  const word = basename(first.split(/[ :]/)[0] ?? "");
  return comm === "" || word.startsWith(comm) ? word : comm;
}

function openSockets(folder: string, wanted: ReadonlySet<string>): Set<string> | undefined {
  const found = new Set<string>();
  try {
    for (const file of readdirSync(folder)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkTarget(`${folder}/${file}`) ?? "")?.[1];
      if (inode !== undefined && wanted.has(inode)) found.add(inode);
    }
    return found;
  } catch {
    return undefined;
  }
}

function ownerOf(path: string): number {
  try {
    return statSync(path).uid;
  } catch {
    return -1;
  }
}
