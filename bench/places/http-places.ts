/** Places behind HTTP. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CephGateway, OWNER, type ServerProgram, hasCeph, hasProgram, startServer } from "@holdfast/storage/testing";
import type { Reach } from "../link/link.ts";
import { HOLDFAST_ENTRY } from "../programs.ts";
import type { Client, Clients, Place, RunningPlace } from "./place.ts";

const NO_CONFIG = { RCLONE_CONFIG: "/dev/null" };
const SERVERS = fileURLToPath(new URL("../../test/servers/node_modules", import.meta.url));
const AZURITE = join(SERVERS, "azurite", "dist/src/blob/main.js");
// Azurite has one account, whose key is published with it.
const ACCOUNT = "devstoreaccount1";
const ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const BUCKET = "bench";

const missingProgram = (name: string) => (): string | undefined =>
  hasProgram(name) ? undefined : `${name} is not installed`;

const at = ({ host, port }: Reach): string => `http://${host}:${port}`;

function own(reach: Reach, location: string, access: Omit<Client["access"], "through"> = {}): Client {
  return { location, access: { ...access, through: reach.through } };
}

/** A server that is one program with its files in its own folder. */
async function serve(server: ServerProgram, clients: (reach: Reach, name: string) => Clients): Promise<RunningPlace> {
  const { port, stop } = await startServer({
    prepare: async ({ folder }) => {
      mkdirSync(join(folder, "data"));
    },
    ...server,
  });
  return { port, stop, clients: (reach, name) => clients(reachOf(reach), name) };
}

function reachOf(reach: Reach | undefined): Reach {
  if (reach === undefined) throw new Error("a server is reached by its port");
  return reach;
}

function both(reach: Reach, location: string): Clients {
  return { holdfast: own(reach, location), restic: own(reach, location) };
}

export const rest: Place = {
  name: "rest",
  description: "`holdfast serve repository` on a local folder; both programs by restic's REST protocol",
  isDelayable: true,
  absent: () => undefined,
  start: () =>
    serve(
      {
        program: process.execPath,
        args: ({ port, folder }) => {
          const served = ["serve", "repository", join(folder, "data"), "--listen", `127.0.0.1:${port}`];
          return [HOLDFAST_ENTRY, ...served, "--anonymous", "admin"];
        },
      },
      (reach, name) => both(reach, `rest:${at(reach)}/${name}/`),
    ),
};

export const restByRclone: Place = {
  name: "rest-rclone",
  description: "`rclone serve restic` on a local folder; both programs by restic's REST protocol",
  isDelayable: true,
  absent: missingProgram("rclone"),
  start: () =>
    serve(
      {
        program: "rclone",
        args: ({ port, folder }) => ["serve", "restic", join(folder, "data"), "--addr", `127.0.0.1:${port}`],
        env: NO_CONFIG,
      },
      (reach, name) => both(reach, `rest:${at(reach)}/${name}/`),
    ),
};

export const webdav: Place = {
  name: "webdav",
  description: "`rclone serve webdav` on a local folder; Holdfast itself, restic through rclone as it has no WebDAV",
  isDelayable: true,
  absent: missingProgram("rclone"),
  start: () =>
    serve(
      {
        program: "rclone",
        args: ({ port, folder }) => ["serve", "webdav", join(folder, "data"), "--addr", `127.0.0.1:${port}`],
        env: NO_CONFIG,
      },
      (reach, name) => ({
        holdfast: own(reach, `webdav:${at(reach)}/${name}`),
        restic: own(reach, `rclone::webdav,url="${at(reach)}/":${name}`, { env: NO_CONFIG }),
      }),
    ),
};

export const azure: Place = {
  name: "azure",
  description: "Azurite; Holdfast itself, restic through rclone, as this restic knows no other address than Azure's",
  isDelayable: true,
  absent: () =>
    existsSync(AZURITE) ? missingProgram("rclone")() : "Azurite is not installed (npm ci --prefix test/servers)",
  async start() {
    const remote = (base: string): string => `:azureblob,use_emulator=true,endpoint="${base}/${ACCOUNT}":${BUCKET}`;
    const running = await serve(
      {
        program: process.execPath,
        args: ({ port, folder }) => {
          const where = ["--blobHost", "127.0.0.1", "--blobPort", String(port), "--location", folder];
          return [AZURITE, ...where, "--silent", "--disableTelemetry", "--skipApiVersionCheck"];
        },
      },
      (reach, name) => ({
        holdfast: own(reach, `azure:${BUCKET}:/${name}`, {
          args: ["-o", `azure.endpoint=${at(reach)}/${ACCOUNT}`],
          env: { AZURE_ACCOUNT_NAME: ACCOUNT, AZURE_ACCOUNT_KEY: ACCOUNT_KEY },
        }),
        restic: own(reach, `rclone:${remote(at(reach))}/${name}`, { env: NO_CONFIG }),
      }),
    );
    await makeBucket(running, remote(`http://127.0.0.1:${running.port}`));
    return running;
  },
};

export const s3: Place = {
  name: "s3",
  description: "Ceph's object gateway with its store in memory; both programs by S3",
  isDelayable: true,
  absent: () => (hasCeph() ? missingProgram("rclone")() : "Ceph is not installed"),
  async start() {
    const gateway = await CephGateway.start();
    const { accessKeyId, secretAccessKey } = OWNER;
    const env = {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_EC2_METADATA_DISABLED: "true",
    };
    const keys = `access_key_id=${accessKeyId},secret_access_key=${secretAccessKey}`;
    await makeBucket(gateway, `:s3,provider=Ceph,${keys},endpoint="${gateway.url}":${BUCKET}`);
    return {
      port: gateway.port,
      stop: () => gateway.stop(),
      clients(given, name) {
        const reach = reachOf(given);
        const client = own(reach, `s3:${at(reach)}/${BUCKET}/${name}`, { env });
        return { holdfast: client, restic: client };
      },
    };
  },
};

/** Holdfast makes neither buckets nor containers. Where that fails, the server does not stay behind. */
async function makeBucket(server: { stop(): Promise<void> }, remote: string): Promise<void> {
  // rclone cannot use the file that this variable names, and ends.
  const { AWS_CA_BUNDLE: _unused, ...env } = process.env;
  const { status, stderr } = spawnSync("rclone", ["mkdir", remote, "--retries", "1"], {
    env: { ...env, ...NO_CONFIG },
    encoding: "utf8",
    timeout: 30_000,
  });
  if (status === 0) return;
  await server.stop();
  throw new Error(`rclone could not make a bucket: ${stderr.trim().split("\n").at(-1)}`);
}
