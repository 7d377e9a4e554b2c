/** Agents of Node that keep connections open between requests. */
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { createSecureContext, getCACertificates } from "node:tls";
import { messageOf } from "@holdfast/base";
import { storageError } from "../errors.ts";
import { type HttpSettings, isLoopback } from "./http-settings.ts";

/** After so long without a request a connection is closed, before the server or a firewall drops it in silence. */
const FREE_SOCKET_MS = 30_000;
/** The next address of a host is tried after so long; Node's own 250 ms are too short for satellites. */
const NEXT_ADDRESS_MS = 3000;

export interface AgentTarget {
  readonly protocol: "http:" | "https:";
  /** Empty for a socket of this machine. */
  readonly hostname: string;
  readonly settings: HttpSettings;
}

/**
 * @param trust `usual`: the authorities that come with Node, or those that the settings name; `system`: those of the
 * system's own store, which takes time to load
 * @throws STORAGE_INVALID_OPTION for a proxy or a client certificate that is none
 */
export function makeAgent({ protocol, hostname, settings }: AgentTarget, trust: "usual" | "system"): HttpAgent {
  const common = {
    keepAlive: true,
    // As many as there may be calls at once.
    maxFreeSockets: 64,
    noDelay: true,
    timeout: FREE_SOCKET_MS,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
    ...(hostname === "" || isLoopback(hostname) ? {} : { proxyEnv: { ...settings.proxies } }),
  };
  if ("proxyEnv" in common) checkProxies(settings);
  const context = protocol === "https:" ? { secureContext: secureContext(settings, trust) } : {};
  if (protocol === "http:") return new HttpAgent(common);
  return new HttpsAgent({ ...common, ...context, rejectUnauthorized: settings.isVerified });
}

/** The value is not repeated: the address of a proxy may have a password in it. */
function checkProxies({ proxies }: HttpSettings): void {
  for (const [name, value] of Object.entries(proxies)) {
    if (!/_proxy$/i.test(name) || name.toLowerCase() === "no_proxy") continue;
    const url = URL.parse(value);
    if (url?.protocol === "http:" || url?.protocol === "https:") continue;
    throw storageError("STORAGE_INVALID_OPTION", { option: name, value: "…", expected: "give http://host:port" });
  }
}

function secureContext({ ca, clientCertificate }: HttpSettings, trust: "usual" | "system") {
  try {
    return createSecureContext({
      ...(ca !== undefined ? { ca } : trust === "system" ? { ca: getCACertificates("system") } : {}),
      ...(clientCertificate === undefined ? {} : { cert: clientCertificate, key: clientCertificate }),
    });
  } catch (error) {
    const details = { option: "tls.cacert or tls.client-cert", value: "…", expected: messageOf(error) };
    throw storageError("STORAGE_INVALID_OPTION", details, error);
  }
}
