/** Makes of what the engine showed of a container what it wants to be told to make it again. */
import type { EngineContainer, EngineMount } from "./engine/answers.ts";

export interface BodyChanges {
  /** What the new container is made of: a name or an id. */
  readonly image: string;
  /** Where a mount comes from now; `undefined` leaves it out. */
  readonly source: (mount: EngineMount) => string | undefined;
  /** What a network is called now. */
  readonly network: (name: string) => string;
}

/** What only says how things are, or would tie the new one to the old. */
const NOT_GIVEN = new Set(["Binds", "Mounts", "VolumesFrom", "ContainerIDFile", "ConsoleSize", "Links", "IOMaximumIOps"]);

export interface ContainerBody {
  readonly body: Readonly<Record<string, unknown>>;
  /** Networks that it has to be connected with afterwards, with their settings. */
  readonly networks: readonly (readonly [string, Readonly<Record<string, unknown>>])[];
}

export function containerBody(inspected: EngineContainer, { image, source, network }: BodyChanges): ContainerBody {
  const { Config, HostConfig, Mounts, NetworkSettings } = inspected;
  const binds = Mounts.flatMap((mount) => {
    const from = mount.Type === "volume" || mount.Type === "bind" ? source(mount) : undefined;
    return from === undefined ? [] : [`${from}:${mount.Destination}${mount.RW ? "" : ":ro"}`];
  });
  const mode = HostConfig.NetworkMode;
  const isCustom = mode in NetworkSettings.Networks;
  const endpoints = Object.entries(NetworkSettings.Networks).map(
    ([name, settings]) => [network(name), endpointOf(settings, inspected.Id)] as const,
  );
  const [first, ...others] = isCustom ? endpoints.toSorted(([a]) => (a === network(mode) ? -1 : 1)) : [];
  const host = {
    ...givenOnly(HostConfig),
    Binds: binds,
    NetworkMode: isCustom ? network(mode) : mode,
    Ulimits: ulimitsOf(HostConfig["Ulimits"]),
  };
  const networking = first === undefined ? {} : { NetworkingConfig: { EndpointsConfig: { [first[0]]: first[1] } } };
  const { Hostname, ...config } = Config;
  const isOwnName = typeof Hostname === "string" && inspected.Id.startsWith(Hostname);
  const named = isOwnName ? config : { ...config, Hostname };
  return { body: { ...named, Image: image, HostConfig: host, ...networking }, networks: others };
}

function givenOnly(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).filter(([name, value]) => !NOT_GIVEN.has(name) && value !== null && value !== ""),
  );
}

/** Names and addresses that were chosen, not those that the engine gave. */
function endpointOf(settings: Readonly<Record<string, unknown>>, id: string): Record<string, unknown> {
  const { IPAMConfig, Aliases, DriverOpts } = settings;
  const aliases = Array.isArray(Aliases) ? Aliases.filter((each) => !id.startsWith(String(each))) : [];
  return { ...(IPAMConfig ? { IPAMConfig } : {}), ...(DriverOpts ? { DriverOpts } : {}), Aliases: aliases };
}

/** Podman shows them by the names of the kernel, and takes them by the names of the shell. */
function ulimitsOf(ulimits: unknown): unknown {
  if (!Array.isArray(ulimits)) return undefined;
  return ulimits.map((each: { Name?: unknown }) => ({
    ...each,
    Name: String(each.Name).replace(/^RLIMIT_/, "").toLowerCase(),
  }));
}
