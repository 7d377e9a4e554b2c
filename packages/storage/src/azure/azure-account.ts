/** Who logs in to Azure's storage, and where it is. */
import { Secret } from "@holdfast/base";
import { storageError } from "../errors.ts";
import type { Surroundings } from "../location.ts";

/** An account with what proves that it is ours: its key, or a shared access signature. */
export interface AzureAccount {
  readonly name: string;
  /** Base64, as Azure gives it. */
  readonly key: Secret | undefined;
  /** A query without its question mark. */
  readonly signature: Secret | undefined;
  /** Where the account's blobs are; without a slash at its end. */
  readonly endpoint: URL;
}

/** @throws STORAGE_NO_CREDENTIALS, STORAGE_INVALID_OPTION */
export function azureAccount(location: string, surroundings: Surroundings): AzureAccount {
  const missing = (what: string, how: string): Error =>
    storageError("STORAGE_NO_CREDENTIALS", { location, missing: what, how });
  const connection = connectionParts(surroundings, missing);
  const name = surroundings.variable("AZURE_ACCOUNT_NAME") ?? connection.get("accountname");
  const ofVariables = {
    key: surroundings.variable("AZURE_ACCOUNT_KEY"),
    signature: surroundings.variable("AZURE_ACCOUNT_SAS"),
  };
  const hasVariable = ofVariables.key !== undefined || ofVariables.signature !== undefined;
  const key = hasVariable ? ofVariables.key : connection.get("accountkey");
  const given = hasVariable ? ofVariables.signature : connection.get("sharedaccesssignature");
  const signature = given?.replace(/^\?/, "");
  if (name === undefined) {
    throw missing(
      "the account",
      "Set AZURE_ACCOUNT_NAME to the name of the storage account, or AZURE_STORAGE_CONNECTION_STRING.",
    );
  }
  if (!/^[a-z0-9]{3,24}$/.test(name)) {
    throw missing("the account", "AZURE_ACCOUNT_NAME has 3 to 24 small letters and digits.");
  }
  if (key === undefined && signature === undefined) {
    throw missing("the account's key", "Set AZURE_ACCOUNT_KEY, or AZURE_ACCOUNT_SAS for a shared access signature.");
  }
  if (key !== undefined && !/^[A-Za-z0-9+/]{4,}={0,2}$/.test(key)) {
    throw missing("the account's key", "AZURE_ACCOUNT_KEY is not what Azure shows as a key: letters, digits, + and /.");
  }
  if (key === undefined && !/(^|&)sig=[^&]/.test(signature ?? "")) {
    throw missing(
      "the shared access signature",
      "AZURE_ACCOUNT_SAS is the query that Azure shows, with sv=, se=, sp= and sig= in it.",
    );
  }
  return {
    name,
    key: key === undefined ? undefined : new Secret(key),
    signature: key !== undefined || signature === undefined ? undefined : new Secret(signature),
    endpoint: endpointOf(name, surroundings, connection),
  };
}

/** The parts of a connection string by their names in small letters; empty without one. No message repeats it. */
function connectionParts(
  surroundings: Surroundings,
  missing: (what: string, how: string) => Error,
): ReadonlyMap<string, string> {
  const text = surroundings.variable("AZURE_STORAGE_CONNECTION_STRING");
  if (text === undefined) return new Map();
  const parts = text.split(";").filter((part) => part.trim() !== "");
  const pairs = parts.map((part): [string, string] => {
    const at = part.indexOf("=");
    return [part.slice(0, Math.max(0, at)).trim().toLowerCase(), part.slice(at + 1).trim()];
  });
  if (pairs.length === 0 || pairs.some(([name]) => name === "")) {
    const how = "AZURE_STORAGE_CONNECTION_STRING is written AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net";
    throw missing("the account", how);
  }
  return new Map(pairs);
}

function endpointOf(name: string, surroundings: Surroundings, connection: ReadonlyMap<string, string>): URL {
  const option = "azure.endpoint";
  const value = surroundings.option(option) ?? connection.get("blobendpoint")?.replace(/\/$/, "");
  const suffix =
    surroundings.variable("AZURE_ENDPOINT_SUFFIX") ?? connection.get("endpointsuffix") ?? "core.windows.net";
  const url = URL.parse(value ?? `https://${name}.blob.${suffix}`);
  const isHttp = url?.protocol === "https:" || url?.protocol === "http:";
  if (url === null || !isHttp || url.search !== "" || url.hash !== "" || url.username !== "") {
    const expected = "give an address such as https://account.blob.core.windows.net";
    throw storageError("STORAGE_INVALID_OPTION", {
      option: value === undefined ? "AZURE_ENDPOINT_SUFFIX" : option,
      value: value ?? suffix,
      expected,
    });
  }
  return url;
}
