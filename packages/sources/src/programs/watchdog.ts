/**
 * Sees to it that what was frozen is thawed, also when this process is killed: a small process that waits, and runs a command if
 * we are gone.
 */
import { type ChildProcess, spawn } from "node:child_process";

/** Waits for a line. None comes when the other end of the pipe is gone; then it becomes the command, whose words it only passes on. */
const WAIT = 'read -r word; [ "$word" = done ] || exec "$@"';

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

  /** Sends it away: the command has been run, or need not be. */
  async dismiss(): Promise<void> {
    this.#child.ref();
    this.#child.stdin?.end("done\n");
    await this.#ended;
  }
}
