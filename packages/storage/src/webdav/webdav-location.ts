/** WebDAV servers, as people write them: `webdav:https://user@host/path`. */
import type { Backend } from "../backend.ts";
import { type HttpAddress, parseHttpAddress } from "../http/http-address.ts";
import type { Location, Surroundings } from "../location.ts";

/** What follows `webdav:`. @throws STORAGE_INVALID_LOCATION */
export function webdavLocation(rest: string): Location {
  const address = parseHttpAddress("webdav", rest);
  return { scheme: "webdav", shown: address.shown, open: (surroundings) => open(address, surroundings) };
}

async function open(address: HttpAddress, surroundings: Surroundings): Promise<Backend> {
  const { openWebdav } = await import("./webdav-backend.ts");
  return openWebdav(address, surroundings);
}
