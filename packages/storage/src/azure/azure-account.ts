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
  const name = surroundings.variable("AZURE_ACCOUNT_NAME");
  const key = surroundings.variable("AZURE_ACCOUNT_KEY");
  const signature = surroundings.variable("AZURE_ACCOUNT_SAS")?.replace(/^\?/, "");
  const missing = (what: string, how: string): Error =>
    storageError("STORAGE_NO_CREDENTIALS", { location, missing: what, how });
  if (name === undefined) throw missing("the account", "Set AZURE_ACCOUNT_NAME to the name of the storage account.");
  if (!/^[a-z0-9]{3,24}$/.test(name)) {
    throw missing("the account", "AZURE_ACCOUNT_NAME has 3 to 24 small letters and digits.");
  }
  if (key === undefined && signature === undefined) {
    throw missing("the account's key", "Set AZURE_ACCOUNT_KEY, or AZURE_ACCOUNT_SAS for a shared access signature.");
  }
  if (key !== undefined && !/^[A-Za-z0-9+/]{4,}={0,2}$/.test(key)) {
    throw missing("the account's key", "AZURE_ACCOUNT_KEY is not what Azure shows as a key: letters, digits, + and /.");
  }
  return {
    name,
    key: key === undefined ? undefined : new Secret(key),
    signature: key !== undefined || signature === undefined ? undefined : new Secret(signature),
    endpoint: endpointOf(name, surroundings),
  };
}

function endpointOf(name: string, surroundings: Surroundings): URL {
  const option = "azure.endpoint";
  const value = surroundings.option(option);
  const suffix = surroundings.variable("AZURE_ENDPOINT_SUFFIX") ?? "core.windows.net";
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
