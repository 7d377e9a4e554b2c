/**
 * Sees to it that what was frozen is thawed, also when this process is killed: a small process that waits, and runs a command if
 * we are gone.
 */
import { type ChildProcess, spawn } from "node:child_process";

/**
 * Reads lines until the other end of the pipe is gone. Then it becomes the command, with the last whole line as its input, unless that
 * line has sent it away. A service manager that ends a unit asks all of its processes to end, this one as well, and the main one may be
 * gone already: what is frozen is thawed nevertheless, so neither this nor the command takes such a request.
 */
const WAIT = `trap '' TERM INT HUP
last=
while IFS= read -r line; do
  last=$line
  [ "$line" = done ] && exit
done
if [ -n "$last" ]; then printf '%s\\n' "$last" | "$@"; else exec "$@" </dev/null; fi`;

export class Watchdog {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  /**
   * @param words the program, by its path, and its arguments
   * @param environment for the program
   */
  constructor(words: readonly string[], environment: Readonly<Record<string, string | undefined>>) {
    this.#child = spawn("/bin/sh", ["-c", WAIT, "sh", ...words], {
      stdio: ["pipe", "ignore", "ignore"],
      env: environment,
      // Whatever ends our group must leave it alone.
      detached: true,
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", () => resolve());
      this.#child.once("close", () => resolve());
    });
    this.#child.stdin?.on("error", () => {});
    this.#child.unref();
  }

  /** What the command gets as its input from now on, in the place of what it was to get. @param line without line breaks */
  tell(line: string): Promise<void> {
    return new Promise((resolve) => {
      // Whether or not it has come to an end meanwhile: its work is for the case that we have.
      this.#child.stdin?.write(`${line}\n`, () => resolve());
    });
  }

  /** Sends it away: the command has been run, or need not be. */
  async dismiss(): Promise<void> {
    this.#child.ref();
    this.#child.stdin?.end("done\n");
    await this.#ended;
  }
}
