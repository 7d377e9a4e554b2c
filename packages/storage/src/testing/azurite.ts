/** Azure's blob storage for tests: its emulator Azurite, with a container in it. */
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Secret } from "@holdfast/base";
import { sharedKeyAuthorization } from "../azure/shared-key.ts";
import { type RunningServer, startServer } from "./server-program.ts";

/** Azurite has one account, whose key is published with it. */
export const AZURE_ACCOUNT = "devstoreaccount1";
export const AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const VERSION = "2021-12-02";
const SERVERS = fileURLToPath(new URL("../../../../test/servers/node_modules", import.meta.url));
const AZURITE = join(SERVERS, "azurite", "dist/src/blob/main.js");

/** Not among the dependencies: `npm ci --prefix test/servers` installs it. Where CI is true it has to be there. */
export function hasAzurite(): boolean {
  return existsSync(AZURITE) || process.env["CI"] === "true";
}

/** Where the account's blobs are. */
export function azuriteEndpoint(port: number): string {
  return `http://127.0.0.1:${port}/${AZURE_ACCOUNT}`;
}

/** Starts it with one container. */
export async function startAzurite(container: string): Promise<RunningServer> {
  const server = await startServer({
    program: process.execPath,
    args: ({ port, folder }) => {
      const where = ["--blobHost", "127.0.0.1", "--blobPort", String(port), "--location", folder];
      return [AZURITE, ...where, "--silent", "--disableTelemetry"];
    },
  });
  try {
    // Holdfast makes no containers.
    const status = await putAzurite(server.port, `${container}?restype=container`);
    if (status !== 201) throw new Error(`Azurite answers ${status} to the making of a container`);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Puts something without the code under test. @param path encoded, below the account @returns the status */
export async function putAzurite(
  port: number,
  path: string,
  { headers = {}, body = "" }: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {},
): Promise<number> {
  const full = `/${AZURE_ACCOUNT}/${path}`;
  const dated = { ...headers, "x-ms-date": new Date().toUTCString(), "x-ms-version": VERSION };
  const request = { method: "PUT", path: full, headers: dated, contentLength: Buffer.byteLength(body) };
  const authorization = sharedKeyAuthorization(AZURE_ACCOUNT, new Secret(AZURE_KEY), request);
  const sent = { method: "PUT", headers: { ...dated, authorization }, ...(body === "" ? {} : { body }) };
  return (await fetch(`http://127.0.0.1:${port}${full}`, sent)).status;
}

/** A shared access signature of the account, as Azure's documents describe it. @param days until it ends */
export function azuriteSignature(permissions: string, days = 1, key = AZURE_KEY): string {
  const expiry = `${new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 19)}Z`;
  const lines = [AZURE_ACCOUNT, permissions, "b", "sco", "", expiry, "", "https,http", VERSION, "", ""];
  const sig = createHmac("sha256", Buffer.from(key, "base64")).update(lines.join("\n")).digest("base64");
  const query = { sv: VERSION, ss: "b", srt: "sco", sp: permissions, se: expiry, spr: "https,http", sig };
  return new URLSearchParams(query).toString();
}
