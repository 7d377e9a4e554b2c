/** What a source of the kind `command` captures, as far as its words tell: the program is taken at its word. */
import type { Candidate } from "@holdfast/sources";

/** Options that name a server, by the setting that a source would name it by. */
type Address = Readonly<Partial<Record<"host" | "port" | "socket", readonly string[]>>>;

interface DumpProgram {
  readonly program: RegExp;
  readonly kind: string;
  /** Whether these words mean all of a server, and not one database of it. */
  readonly isWhole: (words: readonly string[]) => boolean;
  readonly address?: Address;
}

const POSTGRES: Address = { host: ["-h", "--host"], port: ["-p", "--port"] };
const MYSQL: Address = { host: ["-h", "--host"], port: ["-P", "--port"], socket: ["-S", "--socket"] };
/** What runs a command in a container. */
const RUNS_INSIDE = /^(docker|podman|nerdctl|kubectl|crictl|lxc|incus)$/;

const ALWAYS = (): boolean => true;
const PROGRAMS: readonly DumpProgram[] = [
  {
    program: /^pg_(dumpall|basebackup)$/,
    kind: "postgres",
    isWhole: (words) => !words.some((word) => /^(-g|--globals-only|-r|--roles-only|-s|--schema-only)$/.test(word)),
    address: POSTGRES,
  },
  { program: /^pg_dump$/, kind: "postgres", isWhole: () => false, address: POSTGRES },
  {
    program: /^(mysqldump|mariadb-dump|mysqlpump)$/,
    kind: "mysql",
    isWhole: (words) => words.some((word) => word === "-A" || word === "--all-databases"),
    address: MYSQL,
  },
  { program: /^(mariabackup|mariadb-backup|xtrabackup)$/, kind: "mysql", isWhole: ALWAYS, address: MYSQL },
  {
    program: /^(redis|valkey|keydb)-cli$/,
    kind: "redis",
    isWhole: (words) => words.includes("--rdb"),
    address: { host: ["-h"], port: ["-p"], socket: ["-s"] },
  },
  { program: /^etcdctl$/, kind: "etcd", isWhole: (words) => words.includes("snapshot") },
  { program: /^slapcat$/, kind: "openldap", isWhole: ALWAYS },
  {
    program: /^mongodump$/,
    kind: "mongodb",
    isWhole: (words) => !words.some((word) => /^(-d|--db|-c|--collection)(=|$)/.test(word)),
    address: { host: ["-h", "--host"], port: ["--port"] },
  },
];

/** Whether a source with such an address would mean the candidate. */
type IsMeant = (settings: Readonly<Record<string, unknown>>) => boolean;

/** `whole`, `part`, or nothing of the candidate. */
export function dumpedByCommand(
  candidate: Candidate,
  { settings, hooks }: { settings: unknown; hooks: { readonly before?: readonly string[] | undefined } | undefined },
  isMeant: IsMeant,
): "whole" | "part" | undefined {
  const { capture } = settings as { readonly capture?: readonly string[] };
  const lines = [capture, hooks?.before].filter((line) => line !== undefined);
  const verdicts = lines.flatMap((line) => verdictOf(line.flatMap(splitScript), candidate, isMeant) ?? []);
  return verdicts.includes("whole") ? "whole" : verdicts[0];
}

/** A word of a shell's script holds several. */
function splitScript(word: string): string[] {
  return /\s/.test(word) ? word.split(/[\s;|&<>()'"]+/).filter((each) => each !== "") : [word];
}

function verdictOf(
  words: readonly string[],
  { kind, paths, id, container }: Candidate,
  isMeant: IsMeant,
): "whole" | "part" | undefined {
  const programs = words.map((word) => word.slice(word.lastIndexOf("/") + 1));
  const isInside = programs.some((each) => RUNS_INSIDE.test(each));
  for (const { program, kind: captured, isWhole, address = {} } of PROGRAMS) {
    if (captured !== kind || !programs.some((each) => program.test(each))) continue;
    // An address there is that of the container.
    if (isInside ? container !== undefined : isMeant(addressIn(words, address)))
      return isWhole(words) ? "whole" : "part";
  }
  // Programs of one's own: what they name, or are told by its id, they are there for.
  const isNamed = words.includes(id) || (kind === "sqlite" && paths.some((path) => words.includes(path)));
  return isNamed ? "whole" : undefined;
}

/** As a source would have it in its settings. */
function addressIn(words: readonly string[], address: Address): Readonly<Record<string, unknown>> {
  const host = optionIn(words, address.host);
  const port = optionIn(words, address.port);
  const socket = optionIn(words, address.socket);
  return {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(socket === undefined ? {} : { socket }),
  };
}

/** `--name=value`, `--name value`, `-n value`, `-nvalue`. */
function optionIn(words: readonly string[], names: readonly string[] = []): string | undefined {
  for (const [at, word] of words.entries()) {
    for (const name of names) {
      if (word === name) return words[at + 1];
      const joint = name.startsWith("--") ? `${name}=` : name;
      if (word.startsWith(joint) && !(joint === name && word.startsWith("--"))) return word.slice(joint.length);
    }
  }
  return undefined;
}
