/** Opens a container of Azure's blob storage with restic's variables and options. */
import { storageError } from "../errors.ts";
import { httpSettings } from "../http/http-settings.ts";
import type { Surroundings } from "../location.ts";
import { wholeNumberOption } from "../options.ts";
import { azureAccount } from "./azure-account.ts";
import { AzureBackend } from "./azure-backend.ts";
import type { AzurePlace } from "./azure-location.ts";

const TIERS = ["Hot", "Cool", "Cold"] as const;

/** Connects to nothing yet. @throws STORAGE_NO_CREDENTIALS, STORAGE_INVALID_OPTION */
export async function openAzure(place: AzurePlace, surroundings: Surroundings): Promise<AzureBackend> {
  const connections = wholeNumberOption("azure.connections", surroundings, { least: 1, most: 256 });
  const accessTier = tierOf(surroundings);
  return new AzureBackend({
    place,
    account: azureAccount(place.shown, surroundings),
    settings: await httpSettings(surroundings),
    ...(connections === undefined ? {} : { connections }),
    ...(accessTier === undefined ? {} : { accessTier }),
  });
}

/** `Archive` is refused: what is archived cannot be read without hours of waiting. */
function tierOf(surroundings: Surroundings): string | undefined {
  const option = "azure.access-tier";
  const value = surroundings.option(option);
  if (value === undefined) return undefined;
  const tier = TIERS.find((name) => name.toLowerCase() === value.toLowerCase());
  if (tier !== undefined) return tier;
  throw storageError("STORAGE_INVALID_OPTION", { option, value, expected: `give one of ${TIERS.join(", ")}` });
}
