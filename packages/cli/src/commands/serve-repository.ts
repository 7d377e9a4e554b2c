/** `holdfast serve repository`: serves repositories until it is told to end. */
import { once } from "node:events";
import {
  type AccessLog,
  type ListenAddress,
  type PlanOptions,
  RepositoryServer,
  type RepositoryServerOptions,
  type Role,
  fileLog,
  parseListenAddress,
} from "@holdfast/server";
import { messageOf, parseDuration } from "@holdfast/base";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import type { GivenOptions } from "../given-options.ts";
import { clientsPath } from "../serve/clients-path.ts";
import { surroundingsOf } from "../surroundings.ts";

const ADDRESS = "give an address and a port, such as 127.0.0.1:8000 or [::1]:8000";
const DURATION = "give a duration such as 12h or 14d";
const HOUR_MS = 3_600_000;
const DEFAULT_APPROVALS = 2;
const DEFAULT_DELAY_MS = 24 * HOUR_MS;
const DEFAULT_EXPIRY_MS = 72 * HOUR_MS;
/** Requests under way have so long to end. */
const GRACE_MS = 30_000;

export const run: RunCommand = async (context) => {
  const { options, output, signal } = context;
  const log = logOf(context);
  try {
    const server = await RepositoryServer.start(settingsOf(context, log));
    const reload = (): void => void server.reload().catch((error: unknown) => warn(context, messageOf(error)));
    process.on("SIGHUP", reload);
    try {
      if (output.settings.json) {
        output.printJsonNow({ message_type: "listening", url: server.url, metrics_url: server.metricsUrl });
      } else {
        const metrics = server.metricsUrl === undefined ? "" : `; metrics at ${server.metricsUrl}`;
        output.message(`serving ${context.args[0]} at ${server.url}${metrics}`);
      }
      if (options.flag("insecure-plain-http")) {
        warn(context, "passwords travel without encryption, as --insecure-plain-http says");
      }
      if (!signal.aborted) await once(signal, "abort");
      output.message("ending, when requests under way are done");
    } finally {
      process.off("SIGHUP", reload);
      await server.close({ graceMs: GRACE_MS });
    }
  } finally {
    log?.close();
  }
  return EXIT.ok;
};

function settingsOf(context: CommandContext, log: AccessLog | undefined): RepositoryServerOptions {
  const { options, args } = context;
  const anonymous = options.text("anonymous");
  if (anonymous !== undefined && options.typed("clients") !== undefined) {
    const reason = "either everybody may use the server, or the clients that are in the file";
    throw cliError("CLI_OPTIONS_CONFLICT", { first: "--anonymous", second: "--clients", reason });
  }
  return {
    root: args[0] ?? "",
    surroundings: surroundingsOf(context),
    listen: addressOf(options, "listen") ?? { host: "127.0.0.1", port: 8000 },
    stateFolder: options.text("state"),
    access: anonymous === undefined ? { clientsFile: clientsPath(context) } : { anonymous: anonymous as Role },
    certificate: certificateOf(options),
    allowPlainHttp: options.flag("insecure-plain-http"),
    minAgeMs: options.parsed("min-age", DURATION, parseDuration),
    graceMs: options.parsed("trash-grace", DURATION, parseDuration),
    plans: plansOf(options),
    metrics: addressOf(options, "metrics"),
    log,
    onProblem: (text) => warn(context, text),
  };
}

/** `undefined` when no option asks for plans. @throws CLI_USAGE for one that says something about plans only */
function plansOf(options: GivenOptions): PlanOptions | undefined {
  const approversFile = options.text("approvers");
  const delayMs = options.parsed("removal-delay", DURATION, parseDuration);
  const approvals = options.number("approvals", { min: 1, max: 100 });
  const expiryMs = options.parsed("plan-expiry", DURATION, parseDuration);
  const usage = (problem: string): Error => cliError("CLI_USAGE", { problem, help: "holdfast help serve repository" });
  if (approvals !== undefined && approversFile === undefined) {
    throw usage("--approvals says how many people approve: name them with --approvers FILE");
  }
  if (approversFile === undefined && delayMs === undefined) {
    if (expiryMs === undefined) return undefined;
    throw usage("--plan-expiry is about plans: give --removal-delay or --approvers as well");
  }
  return {
    approversFile,
    approvals: approversFile === undefined ? 0 : (approvals ?? DEFAULT_APPROVALS),
    delayMs: delayMs ?? DEFAULT_DELAY_MS,
    expiryMs: expiryMs ?? DEFAULT_EXPIRY_MS,
  };
}

function addressOf(options: GivenOptions, name: string): ListenAddress | undefined {
  return options.parsed(name, ADDRESS, parseListenAddress);
}

function certificateOf(options: GivenOptions): RepositoryServerOptions["certificate"] {
  const [certificate, key] = [options.text("tls-certificate"), options.text("tls-key")];
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  const problem = "--tls-certificate and --tls-key belong together";
  throw cliError("CLI_USAGE", { problem, help: "holdfast help serve repository" });
}

function logOf({ options, output }: CommandContext): AccessLog | undefined {
  const path = options.text("log");
  if (path === undefined) return undefined;
  if (path === "-") {
    return { write: (entry) => output.printJsonNow(entry), reopen() {}, close() {} };
  }
  try {
    return fileLog(path);
  } catch (error) {
    throw cliError("CLI_WRITE_FAILED", { path, reason: messageOf(error) }, error);
  }
}

function warn({ output }: CommandContext, text: string): void {
  output.warn(text, { during: "serve" });
}
