/** What a source of the kind `command` captures, as far as its words tell: the program is taken at its word. */
import type { Candidate } from "@holdfast/sources";

interface DumpProgram {
  readonly program: RegExp;
  readonly kind: string;
  /** Whether these words mean all of a server, and not one database of it. */
  readonly isWhole: (words: readonly string[]) => boolean;
}

const ALWAYS = (): boolean => true;
const PROGRAMS: readonly DumpProgram[] = [
  {
    program: /^pg_(dumpall|basebackup)$/,
    kind: "postgres",
    isWhole: (words) => !words.some((word) => /^(-g|--globals-only|-r|--roles-only|-s|--schema-only)$/.test(word)),
  },
  { program: /^pg_dump$/, kind: "postgres", isWhole: () => false },
  {
    program: /^(mysqldump|mariadb-dump|mysqlpump)$/,
    kind: "mysql",
    isWhole: (words) => words.some((word) => word === "-A" || word === "--all-databases"),
  },
  { program: /^(mariabackup|mariadb-backup|xtrabackup)$/, kind: "mysql", isWhole: ALWAYS },
  { program: /^(redis|valkey|keydb)-cli$/, kind: "redis", isWhole: (words) => words.includes("--rdb") },
  { program: /^etcdctl$/, kind: "etcd", isWhole: (words) => words.includes("snapshot") },
  { program: /^slapcat$/, kind: "openldap", isWhole: ALWAYS },
  {
    program: /^mongodump$/,
    kind: "mongodb",
    isWhole: (words) => !words.some((word) => /^(-d|--db|-c|--collection)(=|$)/.test(word)),
  },
];

/** `whole`, `part`, or nothing of the candidate. @param settings of the source and its hooks */
export function dumpedByCommand(
  { kind, paths, id }: Pick<Candidate, "kind" | "paths" | "id">,
  settings: unknown,
  hooks: { readonly before?: readonly string[] | undefined } | undefined,
): "whole" | "part" | undefined {
  const { capture } = settings as { readonly capture?: readonly string[] };
  const lines = [capture, hooks?.before].filter((line) => line !== undefined);
  const verdicts = lines.flatMap((line) => verdictOf(line.flatMap(splitScript), { kind, paths, id }) ?? []);
  return verdicts.includes("whole") ? "whole" : verdicts[0];
}

/** A word of a shell's script holds several. */
function splitScript(word: string): string[] {
  return /\s/.test(word) ? word.split(/[\s;|&<>()'"]+/).filter((each) => each !== "") : [word];
}

function verdictOf(
  words: readonly string[],
  { kind, paths, id }: Pick<Candidate, "kind" | "paths" | "id">,
): "whole" | "part" | undefined {
  const programs = words.map((word) => word.slice(word.lastIndexOf("/") + 1));
  for (const { program, kind: captured, isWhole } of PROGRAMS) {
    if (captured === kind && programs.some((each) => program.test(each))) return isWhole(words) ? "whole" : "part";
  }
  // Programs of one's own: what they name, or are told by its id, they are there for.
  const isNamed = words.includes(id) || (kind === "sqlite" && paths.some((path) => words.includes(path)));
  return isNamed ? "whole" : undefined;
}
