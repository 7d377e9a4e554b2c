/** A server in this process on a free port, with one client for each role, and a way to ask it. */
import { type IncomingHttpHeaders, type RequestOptions, request } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NO_SURROUNDINGS } from "@holdfast/storage";
import { afterEach } from "vitest";
import type { AccessEntry } from "../src/repository-server/access-log.ts";
import { hashToken } from "../src/repository-server/client-secrets.ts";
import { type Client, writeClients } from "../src/repository-server/clients-file.ts";
import { RepositoryServer, type RepositoryServerOptions } from "../src/repository-server/repository-server.ts";
import { ROLES } from "../src/repository-server/roles.ts";

const closings: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close();
});

/** Runs after the test, the last first. */
export function afterTest(close: () => Promise<void>): void {
  closings.push(close);
}

/** A folder that is removed after the test. */
export async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-server-"));
  afterTest(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The token of a client in tests. */
export function tokenOf(name: string): string {
  return `token of ${name}`;
}

/** One client for each role, by its name, for every repository. */
export const CLIENTS: readonly Client[] = ROLES.map((role) => ({
  name: role,
  role,
  repositories: ["*"],
  tokenHashes: [hashToken(tokenOf(role))],
}));

export interface TestServer {
  readonly server: RepositoryServer;
  readonly root: string;
  readonly log: AccessEntry[];
  readonly clientsFile: string;
  /** Without a client nobody is named. */
  ask(client: string | undefined, method: string, path: string, options?: AskOptions): Promise<Answer>;
}

export interface AskOptions {
  readonly body?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface TestOptions extends Partial<RepositoryServerOptions> {
  readonly clients?: readonly Client[];
}

export async function startServer({ clients = CLIENTS, ...options }: TestOptions = {}): Promise<TestServer> {
  const root = options.root ?? (await scratch());
  const clientsFile = join(await scratch(), "clients.json");
  await writeClients(clientsFile, clients);
  const log: AccessEntry[] = [];
  const server = await RepositoryServer.start({
    root,
    surroundings: NO_SURROUNDINGS,
    listen: { host: "127.0.0.1", port: 0 },
    access: { clientsFile },
    log: { write: (entry) => void log.push(entry), reopen() {}, close() {} },
    ...options,
  });
  afterTest(() => server.close({ graceMs: 1000 }));
  const ask: TestServer["ask"] = (client, method, path, given) => askUrl(server.url, client, method, path, given);
  return { server, root, log, clientsFile, ask };
}

/** The header that names a client. */
export function authorization(name: string, secret = tokenOf(name)): string {
  return `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;
}

/** The path is sent as it is, whatever is wrong with it. */
export function askUrl(
  url: string,
  client: string | undefined,
  method: string,
  path: string,
  { body, headers = {} }: AskOptions = {},
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const named = client === undefined ? {} : { authorization: authorization(client) };
  const length = body === undefined ? {} : { "content-length": String(body.length) };
  const options: RequestOptions = { hostname, port, method, path, headers: { ...named, ...length, ...headers } };
  return new Promise((resolve, reject) => {
    const asked = request({ ...options, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) });
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}
