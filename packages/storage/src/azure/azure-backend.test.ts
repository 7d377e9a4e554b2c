/** Azure's blob storage, against its emulator Azurite. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytesSource, loadBytes } from "../bytes-source.ts";
import { PLAIN_SETTINGS } from "../http/http-settings.ts";
import { NO_SURROUNDINGS, type Surroundings, openBackend } from "../location.ts";
import {
  AZURE_ACCOUNT,
  AZURE_KEY,
  azuriteEndpoint,
  azuriteSignature,
  hasAzurite,
  putAzurite,
  startAzurite,
} from "../testing/azurite.ts";
import { backendConformance } from "../testing/conformance.ts";
import { networkConformance, patienceOf } from "../testing/network-conformance.ts";
import { sampleFile } from "../testing/sample-files.ts";
import type { RunningServer } from "../testing/server-program.ts";
import { azureAccount } from "./azure-account.ts";
import { AzureBackend } from "./azure-backend.ts";

const signal = new AbortController().signal;
const CONFIG = { type: "config", name: "" } as const;
const isSkipped = !hasAzurite();

let server: RunningServer | undefined;
beforeAll(async () => {
  if (isSkipped) return;
  server = await startAzurite("backups");
}, 90_000);
afterAll(() => server?.stop());

function surroundings(
  variables: Readonly<Record<string, string | undefined>> = {},
  endpoint = azuriteEndpoint(server?.port ?? 0),
): Surroundings {
  const all: Record<string, string | undefined> = {
    AZURE_ACCOUNT_NAME: AZURE_ACCOUNT,
    AZURE_ACCOUNT_KEY: AZURE_KEY,
    ...variables,
  };
  const options: Record<string, string> = { "azure.endpoint": endpoint };
  return { ...NO_SURROUNDINGS, variable: (name) => all[name], option: (name) => options[name] };
}

let places = 0;
describe.skipIf(isSkipped)("with Azurite", () => {
  backendConformance("AzureBackend", async () => {
    const place = `place ${places++}/ü`;
    return {
      backend: await openBackend(`azure:backups:/${place}`, surroundings()),
      // Azurite may be at an upload that was cut off for a moment longer, and answers neither yes nor no meanwhile.
      clearsUpLate: true,
      async plantForeign(path) {
        const blob = [...place.split("/"), ...path.split("/")].map(encodeURIComponent).join("/");
        const headers = { "x-ms-blob-type": "BlockBlob", "content-type": "text/plain" };
        const status = await putAzurite(server?.port ?? 0, `backups/${blob}`, { headers, body: "foreign" });
        expect(status).toBe(201);
      },
    };
  });
});

describe.skipIf(isSkipped)("Azurite", () => {
  networkConformance("AzureBackend", async () => ({
    port: server?.port ?? 0,
    open: async (place, at) =>
      new AzureBackend({
        place: { container: "backups", prefix: `${place}/`, shown: `azure:backups:/${place}` },
        account: azureAccount("test", surroundings({}, `http://${at.host}:${at.port}/${AZURE_ACCOUNT}`)),
        settings: PLAIN_SETTINGS,
        ...patienceOf(at.patienceMs),
      }),
  }));
});

describe.skipIf(isSkipped)("a container of Azure", () => {
  test("that does not exist is an error at once, also for whoever asks for a file", async () => {
    const backend = await openBackend("azure:nowhere:/", surroundings());
    const { key, bytes } = sampleFile("pack", 100);
    const code = { code: "STORAGE_NO_PLACE", transient: false };
    await expect(backend.initialize({ signal })).rejects.toMatchObject(code);
    await expect(backend.stat(CONFIG, { signal })).rejects.toMatchObject(code);
    await expect(backend.save(key, bytesSource(bytes), { signal })).rejects.toMatchObject(code);
    await expect(Array.fromAsync(backend.list("pack", { signal }))).rejects.toMatchObject(code);
    await backend.close();
  });

  test("refuses a wrong key at once, and the message does not repeat it", async () => {
    const wrong = Buffer.from("geheim").toString("base64");
    const backend = await openBackend("azure:backups:/", surroundings({ AZURE_ACCOUNT_KEY: wrong }));
    const error: unknown = await backend.stat(CONFIG, { signal }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "STORAGE_CREDENTIALS_REFUSED", transient: false });
    expect(JSON.stringify(error)).not.toContain(wrong);
    await backend.close();
  });

  /** Calls of every kind. */
  async function roundTrip(variables: Readonly<Record<string, string | undefined>>, place: string): Promise<void> {
    const backend = await openBackend(`azure:backups:/${place}`, surroundings(variables));
    const { key, bytes } = sampleFile("pack", 1000);
    await backend.save(key, bytesSource(bytes), { signal });
    const part = await loadBytes(backend, key, { offset: 10, length: 20 }, { signal });
    expect(Buffer.compare(part, bytes.subarray(10, 30))).toBe(0);
    expect(await Array.fromAsync(backend.list("pack", { signal }))).toHaveLength(1);
    await backend.remove(key, { signal });
    expect(await backend.stat(key, { signal })).toBeUndefined();
    await backend.close();
  }

  test("is used with a shared access signature, with and without its question mark", async () => {
    for (const [n, mark] of ["", "?"].entries()) {
      await roundTrip(
        { AZURE_ACCOUNT_KEY: undefined, AZURE_ACCOUNT_SAS: `${mark}${azuriteSignature("rwdlac")}` },
        `sas ${n}`,
      );
    }
  });

  test("is used with a connection string, with a key or a signature in it", async () => {
    const without = { AZURE_ACCOUNT_NAME: undefined, AZURE_ACCOUNT_KEY: undefined };
    const start = `DefaultEndpointsProtocol=http;AccountName=${AZURE_ACCOUNT};`;
    for (const [n, proof] of [
      `AccountKey=${AZURE_KEY}`,
      `SharedAccessSignature=${azuriteSignature("rwdlac")}`,
    ].entries()) {
      await roundTrip({ ...without, AZURE_STORAGE_CONNECTION_STRING: `${start}${proof};` }, `string ${n}`);
    }
  });

  test.each([
    ["that has expired", () => azuriteSignature("rwdlac", -1)],
    ["of another key", () => azuriteSignature("rwdlac", 1, Buffer.from("geheim").toString("base64"))],
    ["that allows no reading", () => azuriteSignature("l")],
  ])("refuses a signature %s at once, and the message does not repeat it", async (_, signature) => {
    const sas = signature();
    const variables = { AZURE_ACCOUNT_KEY: undefined, AZURE_ACCOUNT_SAS: sas };
    const backend = await openBackend("azure:backups:/", surroundings(variables));
    const error: unknown = await backend.stat(CONFIG, { signal }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: "permission", transient: false });
    const sig = new URLSearchParams(sas).get("sig") ?? "";
    for (const secret of [sig, encodeURIComponent(sig)]) expect(JSON.stringify(error)).not.toContain(secret);
    await backend.close();
  });

  test.each([
    [{ AZURE_ACCOUNT_KEY: undefined, AZURE_ACCOUNT_SAS: "sv=2021-12-02&sp=r" }, "STORAGE_NO_CREDENTIALS"],
    [{ AZURE_ACCOUNT_NAME: undefined, AZURE_STORAGE_CONNECTION_STRING: "nonsense" }, "STORAGE_NO_CREDENTIALS"],
    [{ AZURE_ACCOUNT_NAME: undefined }, "STORAGE_NO_CREDENTIALS"],
    [{ AZURE_ACCOUNT_NAME: "a/b" }, "STORAGE_NO_CREDENTIALS"],
    [{ AZURE_ACCOUNT_KEY: undefined }, "STORAGE_NO_CREDENTIALS"],
    [{ AZURE_ACCOUNT_KEY: "no base64!" }, "STORAGE_NO_CREDENTIALS"],
  ])("with %j is not opened: %s", async (variables, code) => {
    await expect(openBackend("azure:backups:/", surroundings(variables))).rejects.toMatchObject({ code });
  });

  test("says when a file arrived, by its own clock", async () => {
    const backend = await openBackend("azure:backups:/times", surroundings());
    const { key, bytes } = sampleFile("snapshot", 100);
    const before = Date.now();
    await backend.save(key, bytesSource(bytes), { signal });
    const [info] = await Array.fromAsync(backend.list("snapshot", { signal }));
    expect(Math.abs((info?.receivedAtMs ?? 0) - before)).toBeLessThan(10_000);
    expect(await backend.stat(key, { signal })).toEqual(info);
    await backend.close();
  });

  test("lists more than one page", async () => {
    const backend = await openBackend("azure:backups:/pages", surroundings());
    const names = Array.from({ length: 5200 }, (_, i) => i.toString(16).padStart(64, "0"));
    const save = async (from: number): Promise<void> => {
      for (let i = from; i < names.length; i += 32) {
        await backend.save({ type: "lock", name: names[i] ?? "" }, bytesSource(), { signal });
      }
    };
    await Promise.all(Array.from({ length: 32 }, (_, from) => save(from)));
    const infos = await Array.fromAsync(backend.list("lock", { signal }));
    expect(infos.map(({ name }) => name).toSorted()).toEqual(names);
    await backend.close();
  }, 120_000);
});

test.each([
  [3 * 3600, "is 180 minutes behind"],
  [-3600, "is 60 minutes ahead of"],
])(
  "a server whose clock is %i seconds ahead, and that refuses the signature, has the clock named",
  async (seconds, text) => {
    // Azurite takes any time, so this one is a stand-in that answers as Azure does.
    const standIn = createServer((_request, response) => {
      const date = new Date(Date.now() + seconds * 1000).toUTCString();
      response.writeHead(403, { date, "x-ms-error-code": "AuthenticationFailed" }).end();
    });
    await new Promise<void>((resolve) => standIn.listen(0, "127.0.0.1", resolve));
    const { port } = standIn.address() as AddressInfo;
    const backend = await openBackend("azure:backups:/", surroundings({}, `http://127.0.0.1:${port}/${AZURE_ACCOUNT}`));
    const error: unknown = await backend.stat(CONFIG, { signal }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "STORAGE_CREDENTIALS_REFUSED", transient: false });
    expect(String(error)).toContain(`the clock of this machine ${text}`);
    await backend.close();
    await new Promise((resolve) => standIn.close(resolve));
  },
);
