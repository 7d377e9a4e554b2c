/** Any remote that rclone knows: a server of restic's protocol is started for it, and ended when the backend is closed. */
import type { Backend } from "../backend.ts";
import { ForwardingBackend } from "../decorators/forwarding.ts";
import { basicAuthorization, parseHttpAddress } from "../http/http-address.ts";
import { PLAIN_SETTINGS } from "../http/http-settings.ts";
import type { Surroundings } from "../location.ts";
import { commandOption, wholeNumberOption } from "../options.ts";
import { RestBackend } from "../rest/rest-backend.ts";
import { RcloneProgram } from "./rclone-program.ts";

const DEFAULT_ARGS = "serve restic --b2-hard-delete";
const DEFAULT_TIMEOUT_SECONDS = 60;

/**
 * Starts rclone, and returns once it serves.
 * @param remote as rclone understands it
 * @param location for messages
 * @throws STORAGE_PROGRAM, STORAGE_INVALID_OPTION
 */
export async function openRclone(remote: string, location: string, surroundings: Surroundings): Promise<Backend> {
  const seconds = wholeNumberOption("rclone.timeout", surroundings, { least: 1, most: 86_400 });
  const connections = wholeNumberOption("rclone.connections", surroundings, { least: 1, most: 256 });
  const { rclone, port } = await RcloneProgram.start({
    program: surroundings.option("rclone.program") ?? "rclone",
    args: argsOf(surroundings),
    remote,
    location,
    timeoutMs: (seconds ?? DEFAULT_TIMEOUT_SECONDS) * 1000,
    environment: surroundings.environment ?? {},
  });
  const rest = new RestBackend({
    address: parseHttpAddress("rclone", `http://127.0.0.1:${port}/`),
    settings: PLAIN_SETTINGS,
    authorization: basicAuthorization(rclone.login),
    location,
    whyGone: () => rclone.whyGone(),
    ...(connections === undefined ? {} : { connections }),
  });
  return new RcloneBackend(rest, rclone);
}

class RcloneBackend extends ForwardingBackend {
  readonly #rclone: RcloneProgram;

  constructor(rest: RestBackend, rclone: RcloneProgram) {
    super(rest);
    this.#rclone = rclone;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#rclone.end();
  }
}

/** `--stdio`, which restic's own setting has, is left out: rclone listens here. */
function argsOf(surroundings: Surroundings): readonly string[] {
  const words = commandOption("rclone.args", surroundings.option("rclone.args") ?? DEFAULT_ARGS);
  return words.filter((word) => word !== "--stdio");
}
