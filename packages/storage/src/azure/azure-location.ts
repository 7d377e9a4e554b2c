/** Containers of Azure's blob storage, as restic writes them: `azure:container:/path`. */
import type { Backend } from "../backend.ts";
import { storageError } from "../errors.ts";
import type { Location, Surroundings } from "../location.ts";

/** A container, and where in it the repository lies. */
export interface AzurePlace {
  readonly container: string;
  /** Without a slash at its beginning; with one at its end, or empty. */
  readonly prefix: string;
  readonly shown: string;
}

/** What follows `azure:`. @throws STORAGE_INVALID_LOCATION */
export function azureLocation(rest: string): Location {
  const groups = /^(?<container>[a-z0-9](?:-?[a-z0-9]){2,62}|\$root):(?<path>[^\0]*)$/.exec(rest)?.groups;
  if (groups === undefined) {
    const reason = "it is written azure:container:/path, with the name of a container";
    throw storageError("STORAGE_INVALID_LOCATION", { location: `azure:${rest.split(":")[0] ?? ""}`, reason });
  }
  const { container = "", path = "" } = groups;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) {
    throw storageError("STORAGE_INVALID_LOCATION", { location: `azure:${rest}`, reason: "a path in it has no '..'" });
  }
  const prefix = parts.length === 0 ? "" : `${parts.join("/")}/`;
  const place = { container, prefix, shown: `azure:${container}:/${prefix.replace(/\/$/, "")}` };
  return { scheme: "azure", shown: place.shown, open: (surroundings) => open(place, surroundings) };
}

async function open(place: AzurePlace, surroundings: Surroundings): Promise<Backend> {
  const { openAzure } = await import("./open-azure.ts");
  return openAzure(place, surroundings);
}
