/** Servers that speak restic's REST protocol, as people write them. */
import { type HttpAddress, parseHttpAddress } from "../http/http-address.ts";
import type { Location, Surroundings } from "../location.ts";
import type { Backend } from "../backend.ts";

/** What follows `rest:`. @throws STORAGE_INVALID_LOCATION */
export function restLocation(rest: string): Location {
  const address = parseHttpAddress("rest", rest);
  return { scheme: "rest", shown: address.shown, open: (surroundings) => open(address, surroundings) };
}

async function open(address: HttpAddress, surroundings: Surroundings): Promise<Backend> {
  const { openRest } = await import("./rest-backend.ts");
  return openRest(address, surroundings);
}
