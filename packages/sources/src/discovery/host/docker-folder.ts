/** Where Docker keeps its data. Pure. */
import { z } from "zod";

const CONFIGURATION = "/etc/docker/daemon.json";
const SETTINGS = z.object({ "data-root": z.string().startsWith("/").optional() });

/** @param texts configurations of this host, by path */
export function dockerFolder(texts: ReadonlyMap<string, string>): string {
  return (configuredFolder(texts.get(CONFIGURATION)) ?? "/var/lib/docker").replace(/(?<=.)\/+$/, "");
}

function configuredFolder(text: string | undefined): string | undefined {
  try {
    const { data: settings } = SETTINGS.safeParse(JSON.parse(text ?? ""));
    return settings?.["data-root"];
  } catch {
    return undefined;
  }
}
