/** Proves a captured directory: it is filled anew, counted, and served by a private server on a local socket, which is asked. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions, ProofCheck, ProofReport, ProveOptions } from "../contract/source.ts";
import type { ProgramCall } from "../programs/programs.ts";
import { StartedServer } from "../programs/started-server.ts";
import { lookAt } from "../proofs/look-at.ts";
import { forProof } from "./config-entries.ts";
import { type Filling, fillFolder } from "./fill-folder.ts";
import type { OpenldapSettings } from "./settings.ts";
import type { SlapTools } from "./slap-tools.ts";
import { storedDatabases } from "./stored.ts";

export interface DirectoryProof extends ProveOptions {
  readonly tools: SlapTools;
  readonly settings: OpenldapSettings;
  /** A folder with a short path. */
  readonly sockets: string;
}

export async function proveDirectory(captured: CapturedTree, proof: DirectoryProof): Promise<ProofReport> {
  const { tools, settings, scratch, sockets, signal, onStep } = proof;
  const beganMs = performance.now();
  const databases = storedDatabases(captured);
  for (const tool of ["slapd", "slapadd", "slapcat"]) await tools.find(tool);
  await tools.programs.require("ldapsearch", "Install the package ldap-utils.");
  let config: string | undefined;
  const checks: ProofCheck[] = [
    await lookAt("it can be filled anew", { signal }, async () => {
      const configure: Filling["configure"] = (entries, folders) => forProof(entries, folders, administrator());
      config = await fillFolder(captured, { folder: scratch, tools, configure, signal, onStep });
      return { passed: true, detail: `suffixes: ${databases.map(({ suffix }) => suffix).join("; ")}` };
    }),
  ];
  if (config === undefined) return { checks, usableAfterMs: undefined };
  for (const { suffix, entries } of databases) {
    checks.push(
      await lookAt(`entries of ${suffix}`, { signal }, async () => {
        const found = await countedEntries(
          tools,
          await tools.call("slapcat", ["-g", "-F", String(config), "-b", suffix]),
          proof,
        );
        const detail = found === entries ? String(found) : `${found}, where ${entries} were captured`;
        return { passed: found === entries, detail };
      }),
    );
  }
  const folder = await mkdtemp(join(sockets, "ldap-"));
  const url = `ldapi://${encodeURIComponent(join(folder, "s"))}`;
  let server: StartedServer | undefined;
  try {
    onStep("starting a server on it");
    const search: Search = (base, scope, filter) => ({
      tool: "ldapsearch",
      // What ldap.conf says is for other servers; its limits would cut answers off.
      variables: { LDAPNOINIT: "1" },
      args: ["-Q", "-Y", "EXTERNAL", "-H", url, "-LLL", "-o", "ldif-wrap=no", "-b", base, "-s", scope, filter, "1.1"],
    });
    checks.push(
      await lookAt("a server serves it", { signal }, async () => {
        server = await start(proof, String(config), url, (options) =>
          countedEntries(tools, search("", "base", "(objectClass=*)"), options),
        );
        const served = databases.filter(({ entries }) => entries > 0);
        for (const { suffix } of served) await countedEntries(tools, search(suffix, "base", "(objectClass=*)"), proof);
        return { passed: true, detail: `suffixes that answer: ${served.length}` };
      }),
    );
    if (server === undefined) return { checks, usableAfterMs: undefined };
    const usableAfterMs = performance.now() - beganMs;
    for (const query of settings.queries) checks.push(await ask(query, search, proof));
    return { checks, usableAfterMs };
  } finally {
    await server?.end();
    await rm(folder, { recursive: true, force: true });
  }
}

type Search = (base: string, scope: string, filter: string) => ProgramCall;

function ask(
  { base, filter, expect }: OpenldapSettings["queries"][number],
  search: Search,
  proof: DirectoryProof,
): Promise<ProofCheck> {
  const name = `${base} ${filter}`;
  proof.onStep(`asking ${name}`);
  return lookAt(name, proof, async () => {
    const found = await countedEntries(proof.tools, search(base, "sub", filter), proof);
    const passed = expect === undefined ? found > 0 : found === expect;
    return {
      passed,
      detail: passed ? `${found} entries` : `${found} entries, where ${expect ?? "at least one"} was expected`,
    };
  });
}

/** Entries begin with their names, whole or in base64. */
async function countedEntries(tools: SlapTools, call: ProgramCall, options: CallOptions): Promise<number> {
  let [count, rest] = [0, "\n"];
  for await (const chunk of tools.programs.stream(call, options)) {
    const text = rest + Buffer.from(chunk).toString("latin1");
    count += text.split("\ndn:").length - 1;
    rest = text.endsWith("\ndn:") ? "" : text.slice(-3);
  }
  return count;
}

function start(
  { tools, settings, scratch, signal }: DirectoryProof,
  config: string,
  url: string,
  look: (options: CallOptions) => Promise<number>,
): Promise<StartedServer> {
  return tools.find("slapd").then((tool) =>
    StartedServer.start(
      tools.programs,
      {
        tool,
        // In the foreground, and on nothing but the socket.
        args: ["-d", "0", "-F", config, "-h", url],
        folder: scratch,
        log: join(scratch, "proof.log"),
        isReady: async (options) => (await look(options)) > 0,
        readyWithinMs: settings["start-limit"],
        setting: "start-limit",
      },
      { signal },
    ),
  );
}

/** As a server sees us who ask by a local socket. */
function administrator(): string {
  return `gidNumber=${process.getgid?.() ?? 0}+uidNumber=${process.getuid?.() ?? 0},cn=peercred,cn=external,cn=auth`;
}
