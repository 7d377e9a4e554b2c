/** What is wrong with a container of Azure's, or the account: a clear error at once, and nothing is lost. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  AZURE_ACCOUNT,
  AZURE_KEY,
  type RunningServer,
  azuriteEndpoint,
  azuriteSignature,
  hasAzurite,
  startAzurite,
} from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type BadInput, expectRefused, expectWhole, succeed } from "./bad-input.ts";
import { temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const cache = { XDG_CACHE_HOME: join(folder, "cache") };
const ACCOUNT = { AZURE_ACCOUNT_NAME: AZURE_ACCOUNT };
const GOOD = { ...cache, ...ACCOUNT, AZURE_ACCOUNT_KEY: AZURE_KEY };
/** As long as one of Azure's. */
const OTHER_KEY = Buffer.alloc(64, "another key").toString("base64");
const EXPIRED = azuriteSignature("rwdlac", -1);
const FORGED = azuriteSignature("rwdlac", 1, OTHER_KEY);
const signatureIn = (query: string): string => new URLSearchParams(query).get("sig") ?? "";
const secrets = [AZURE_KEY, OTHER_KEY, signatureIn(EXPIRED), signatureIn(FORGED)].flatMap((secret) => [
  secret,
  encodeURIComponent(secret),
]);

const MISSING = { error: "STORAGE_NO_CREDENTIALS" };
const REFUSED = { error: "STORAGE_CREDENTIALS_REFUSED", says: /refused/, hint: /user name, key or token/ };

type Row = readonly [
  name: string,
  variables: Readonly<Record<string, string>>,
  expected: Pick<BadInput, "error" | "says" | "hint">,
];

const ROWS: readonly Row[] = [
  ["no account", {}, { ...MISSING, says: /the account is not known/, hint: /AZURE_ACCOUNT_NAME/ }],
  [
    "an account that is none",
    { AZURE_ACCOUNT_NAME: "No Account" },
    { ...MISSING, says: /account/, hint: /small letters/ },
  ],
  ["no key", ACCOUNT, { ...MISSING, says: /the account's key is not known/, hint: /AZURE_ACCOUNT_KEY/ }],
  [
    "a key that is none",
    { ...ACCOUNT, AZURE_ACCOUNT_KEY: "s3cr3t-login!" },
    { ...MISSING, says: /key/, hint: /not what Azure shows/ },
  ],
  ["a wrong key", { ...ACCOUNT, AZURE_ACCOUNT_KEY: OTHER_KEY }, REFUSED],
  [
    "half a signature",
    { ...ACCOUNT, AZURE_ACCOUNT_SAS: "sv=2021-12-02&sp=rwdlac" },
    { ...MISSING, says: /shared access signature/, hint: /sig=/ },
  ],
  ["a signature that has expired", { ...ACCOUNT, AZURE_ACCOUNT_SAS: EXPIRED }, REFUSED],
  ["a signature of another key", { ...ACCOUNT, AZURE_ACCOUNT_SAS: FORGED }, REFUSED],
  [
    "a signature for listing alone",
    { ...ACCOUNT, AZURE_ACCOUNT_SAS: azuriteSignature("l") },
    { error: "STORAGE_PERMISSION", says: /permission/, hint: /correct the permissions/ },
  ],
  [
    "a connection string that is none",
    { AZURE_STORAGE_CONNECTION_STRING: "s3cr3t-login" },
    { ...MISSING, says: /account/, hint: /AccountName=…/ },
  ],
];

describe.skipIf(!hasAzurite())("a repository in a container of Azurite's", { timeout: 120_000 }, () => {
  let server: RunningServer;
  const at = (container = "backups"): string[] => {
    const endpoint = `azure.endpoint=${azuriteEndpoint(server.port)}`;
    return ["-r", `azure:${container}:/repository`, "-o", endpoint];
  };
  const file = join(folder, "file");

  beforeAll(async () => {
    server = await startAzurite("backups");
    writeFileSync(file, randomBytes(1000));
    await succeed(["init", "-q", ...at()], GOOD);
    await succeed(["backup", "-q", ...at(), file], GOOD);
  }, 120_000);
  afterAll(() => server.stop());

  test.for(ROWS)("with %s is told as such", async ([, variables, expected]) => {
    const given = { variables: { ...cache, ...variables }, exit: 1, secrets, ...expected };
    await expectRefused({ argv: ["snapshots", ...at()], ...given });
    await expectRefused({ argv: ["backup", file, ...at()], ...given });
    await succeed(["snapshots", "-q", ...at()], GOOD);
  });

  test("whose container does not exist is told as such", async () => {
    const none = { error: "STORAGE_NO_PLACE", says: /the container nowhere does not exist/, hint: /make it first/ };
    for (const name of ["snapshots", "init"])
      await expectRefused({ argv: [name, ...at("nowhere")], variables: GOOD, exit: 1, secrets, ...none });
  });

  test("is whole after all of that", () => expectWhole(at(), GOOD));
});

test.for([
  ["azure.endpoint=nowhere", /azure\.endpoint/],
  ["azure.connections=many", /azure\.connections/],
] as const)("the option %s is told as such", async ([option, says]) => {
  const argv = ["snapshots", "-r", "azure:backups:/", "-o", option];
  const wrong = { exit: 1, error: "STORAGE_INVALID_OPTION", says, hint: /leave the option out/ };
  await expectRefused({ argv, variables: GOOD, secrets, ...wrong });
});

test("an account that nobody serves ends with 1 at once where no patience was asked for", async () => {
  const endpoint = `azure.endpoint=${azuriteEndpoint(1)}`;
  const argv = ["snapshots", "-r", "azure:backups:/", "-o", endpoint, "--retry-for", "0"];
  const nobody = { exit: 1, error: "STORAGE_UNAVAILABLE", says: /nothing listens there/, hint: /--retry-for/ };
  await expectRefused({ argv, variables: GOOD, secrets, ...nobody });
});
