/**
 * The people who approve removals, in OpenSSH's form of a file of allowed signers, and whether a signature is one of theirs.
 * `ssh-keygen` verifies; the file is read anew whenever it has changed.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isHoldfastError, messageOf, systemCode } from "@holdfast/base";
import { PLAN_NAMESPACE } from "@holdfast/storage";
import { serverError } from "../errors.ts";
import { isPersonName } from "./clients-file.ts";

/** One person, with all names of the first line that names them. */
export interface Approver {
  readonly names: readonly string[];
}

export interface ApproversOptions {
  readonly path: string;
  /** Where signatures lie while they are verified. */
  readonly folder: string;
  /** What `ssh-keygen` gets to see. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How many people have to be in the file. */
  readonly least: number;
}

interface CallOptions {
  readonly signal: AbortSignal;
}

interface KnownFile {
  /** Changes when the file does. */
  readonly version: string;
  readonly people: readonly Approver[];
}

const PROGRAM = "ssh-keygen";
const PATIENCE_MS = 20_000;
const MAX_FILE_BYTES = 1024 * 1024;
/** What programs that we start do not get to see. */
const SECRET = /^(HOLDFAST_|RESTIC_)/;
const KEY_TYPE = /^(sk-)?(ssh|ecdsa)-[a-z0-9-]+(@openssh\.com)?$/;

export class Approvers {
  readonly #options: ApproversOptions;
  #known: KnownFile | undefined;

  private constructor(options: ApproversOptions) {
    this.#options = options;
  }

  /** @throws SERVER_APPROVERS when the file cannot be used, SERVER_NO_SSH_KEYGEN */
  static async open(options: ApproversOptions, { signal }: CallOptions): Promise<Approvers> {
    const approvers = new Approvers(options);
    await approvers.#read();
    await approvers.#requireProgram(signal);
    return approvers;
  }

  /**
   * What changes with the file: as long as it is the same, a signature that was valid is valid.
   * @throws SERVER_APPROVERS_LOST when the file cannot be used any more
   */
  async version(): Promise<string> {
    return (await this.#current()).version;
  }

  /**
   * The person who signed a statement.
   * @throws SERVER_SIGNATURE when it is nobody in the file, or another statement; SERVER_APPROVERS_LOST
   */
  async signerOf(statement: Uint8Array, signature: string, { signal }: CallOptions): Promise<Approver> {
    const { people } = await this.#current();
    const { path, folder } = this.#options;
    const file = join(folder, `signature-${randomBytes(8).toString("hex")}`);
    try {
      await writeFile(file, signature, { flag: "wx", mode: 0o600 });
      const found = await this.#run(["-Y", "find-principals", "-s", file, "-f", path], undefined, signal);
      const name = found.code === 0 ? found.stdout.split("\n", 1)[0] : undefined;
      const person = people.find(({ names }) => name !== undefined && names.includes(name));
      if (name === undefined || person === undefined) {
        throw serverError("SERVER_SIGNATURE", { reason: "no approver has the key that it was made with" });
      }
      const args = ["-Y", "verify", "-f", path, "-I", name, "-n", PLAN_NAMESPACE, "-s", file];
      if ((await this.#run(args, statement, signal)).code === 0) return person;
      const reason = "it is over something else, for another purpose, or by a key whose time is over";
      throw serverError("SERVER_SIGNATURE", { reason });
    } finally {
      await rm(file, { force: true });
    }
  }

  async #current(): Promise<KnownFile> {
    try {
      return await this.#read();
    } catch (error) {
      // Clients need not know where the file is.
      if (!isHoldfastError(error, "SERVER_APPROVERS")) throw error;
      throw serverError("SERVER_APPROVERS_LOST", {}, error);
    }
  }

  async #read(): Promise<KnownFile> {
    const { path, least } = this.#options;
    const fail = (problem: string, cause?: unknown): Error => serverError("SERVER_APPROVERS", { path, problem }, cause);
    try {
      const { ino, mtimeNs, size, mode } = await stat(path, { bigint: true });
      const version = `${ino} ${mtimeNs} ${size}`;
      if ((mode & 0o022n) !== 0n) throw fail("others than its owner can change it: run `chmod go-w` on it");
      if (this.#known?.version === version) return this.#known;
      if (size > MAX_FILE_BYTES) throw fail("it is too large");
      const people = parseApprovers(await readFile(path, "utf8"), fail);
      if (people.length < least) {
        throw fail(`it names ${people.length} people who can approve, and ${least} have to`);
      }
      this.#known = { version, people };
      return this.#known;
    } catch (error) {
      throw isHoldfastError(error) ? error : fail(messageOf(error), error);
    }
  }

  /** Versions before 8.2 cannot verify. */
  async #requireProgram(signal: AbortSignal): Promise<void> {
    const { path } = this.#options;
    const args = ["-Y", "find-principals", "-s", "/dev/null", "-f", path];
    const { stderr } = await this.#run(args, undefined, signal);
    if (!/(unknown|illegal|invalid) option|^usage:/im.test(stderr)) return;
    throw serverError("SERVER_NO_SSH_KEYGEN", { reason: "it is too old: OpenSSH 8.2 or newer is needed" });
  }

  /** @throws SERVER_NO_SSH_KEYGEN; on abort the signal's reason */
  async #run(
    args: readonly string[],
    input: Uint8Array | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
    signal.throwIfAborted();
    const own = Object.entries(this.#options.environment).filter(([name]) => !SECRET.test(name));
    const env = { ...Object.fromEntries(own), LC_ALL: "C" };
    const child = spawn(PROGRAM, args, { env, stdio: ["pipe", "pipe", "pipe"], timeout: PATIENCE_MS });
    const onAbort = (): void => void child.kill();
    signal.addEventListener("abort", onAbort, { once: true });
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        if (said[name].length < MAX_FILE_BYTES) said[name] += text;
      });
    }
    // It may end before it has read anything.
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? new Uint8Array(0));
    try {
      const code = await new Promise<number | null>((resolve, reject) => {
        child.on("error", reject);
        child.on("close", resolve);
      });
      signal.throwIfAborted();
      return { code, ...said };
    } catch (error) {
      signal.throwIfAborted();
      const reason = systemCode(error) === "ENOENT" ? "it is not installed" : messageOf(error);
      throw serverError("SERVER_NO_SSH_KEYGEN", { reason }, error);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}

/**
 * Each person once, by the first name of their lines. Lines that are for other purposes than plans do not count.
 * @param fail makes the error for a line that could let in more than it says
 */
export function parseApprovers(text: string, fail: (problem: string) => Error): Approver[] {
  const people = new Map<string, Approver>();
  const keys = new Map<string, string>();
  for (const [at, line] of text.split("\n").entries()) {
    const parsed = lineOf(line.trim(), (problem) => fail(`line ${at + 1} ${problem}`));
    if (parsed === undefined) continue;
    const { names, key } = parsed;
    const [first = ""] = names;
    const shared = [...people.values()].find((person) => person.names.some((name) => names.includes(name)));
    if (shared !== undefined && shared.names[0] !== first) {
      throw fail(`line ${at + 1} has a name of ${shared.names[0]}: each line of a person begins with the same name`);
    }
    const owner = keys.get(key);
    if (owner !== undefined && owner !== first)
      throw fail(`line ${at + 1} has the key of ${owner}: one key is one person`);
    keys.set(key, first);
    people.set(first, { names: [...new Set([...(shared?.names ?? []), ...names])] });
  }
  return [...people.values()];
}

function lineOf(line: string, fail: (problem: string) => Error): { names: string[]; key: string } | undefined {
  if (line === "" || line.startsWith("#")) return undefined;
  const words = line.match(/(?:[^\s"]|"(?:\\.|[^"\\])*")+/g) ?? [];
  const names = (words[0] ?? "").split(",");
  const at = words.findIndex((word, index) => index > 0 && KEY_TYPE.test(word));
  const key = at < 0 ? undefined : words[at + 1];
  if (key === undefined || !/^[A-Za-z0-9+/]+=*$/.test(key)) throw fail("is no line of allowed signers");
  if (!names.every(isPersonName)) throw fail("must name people, without patterns");
  const options = words.slice(1, at).join(",").toLowerCase();
  if (/(^|,)cert-authority(,|$)/.test(options)) throw fail("is of an authority: give the keys of people");
  const namespaces = /(?:^|,)namespaces="(?<list>[^"]*)"/.exec(options)?.groups?.["list"];
  if (namespaces !== undefined && !namespaces.split(",").includes(PLAN_NAMESPACE)) return undefined;
  return { names, key };
}
