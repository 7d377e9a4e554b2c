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

/** Networks that every engine has by itself. */
export const BUILT_IN_NETWORKS: ReadonlySet<string> = new Set(["bridge", "host", "none", "podman"]);

/** What only says how things are, or would tie the new one to the old. */
const NOT_GIVEN = new Set([
  "Binds",
  "Mounts",
  "VolumesFrom",
  "ContainerIDFile",
  "ConsoleSize",
  "Links",
  "IOMaximumIOps",
]);

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
  const [mode, ...others] = networksInOrder(inspected);
  const endpoint = (name: string) =>
    [network(name), endpointOf(NetworkSettings.Networks[name] ?? {}, inspected.Id)] as const;
  // The engine's own network takes no names.
  const first = mode in NetworkSettings.Networks && !BUILT_IN_NETWORKS.has(mode) ? endpoint(mode) : undefined;
  const host = {
    ...givenOnly(HostConfig),
    Binds: binds,
    NetworkMode: network(mode),
    Ulimits: ulimitsOf(HostConfig["Ulimits"]),
  };
  const networking = first === undefined ? {} : { NetworkingConfig: { EndpointsConfig: { [first[0]]: first[1] } } };
  const { Hostname, ...config } = Config;
  const isOwnName = typeof Hostname === "string" && inspected.Id.startsWith(Hostname);
  const named = isOwnName ? config : { ...config, Hostname };
  return { body: { ...named, Image: image, HostConfig: host, ...networking }, networks: others.map(endpoint) };
}

/** The one that it is made with before the others. Podman calls the mode `bridge` whatever the networks are. */
function networksInOrder({ HostConfig, NetworkSettings }: EngineContainer): readonly [string, ...string[]] {
  const mode = HostConfig.NetworkMode;
  const names = Object.keys(NetworkSettings.Networks);
  const first = names.includes(mode) ? mode : (names.find((name) => !BUILT_IN_NETWORKS.has(name)) ?? mode);
  return first === mode && !names.includes(mode) ? [mode] : [first, ...names.filter((name) => name !== first)];
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
    Name: String(each.Name)
      .replace(/^RLIMIT_/, "")
      .toLowerCase(),
  }));
}
