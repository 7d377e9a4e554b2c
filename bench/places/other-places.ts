/** Places without HTTP: this machine, SFTP, and rclone as a child. */
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SshServer, hasProgram, hasSshServer, sshUser } from "@holdfast/storage/testing";
import type { Clients, Place, RunningPlace } from "./place.ts";

/** A place that is a folder of this machine. */
function inFolder(clients: (path: string) => Clients): RunningPlace {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-place-"));
  return {
    port: undefined,
    clients: (_reach, name) => clients(join(folder, name)),
    stop: async () => rmSync(folder, { recursive: true }),
  };
}

function same(location: string, env: Readonly<Record<string, string>> = {}): Clients {
  return { holdfast: { location, access: { env } }, restic: { location, access: { env } } };
}

export const local: Place = {
  name: "local",
  description: "a folder of this machine",
  isDelayable: false,
  absent: () => undefined,
  start: async () => inFolder((path) => same(path)),
};

export const rclone: Place = {
  name: "rclone",
  description: "rclone's local remote; both programs start rclone as a child and speak restic's REST protocol with it",
  isDelayable: false,
  absent: () => (hasProgram("rclone") ? undefined : "rclone is not installed"),
  start: async () => inFolder((path) => same(`rclone::local:${path}`, { RCLONE_CONFIG: "/dev/null" })),
};

export const sftp: Place = {
  name: "sftp",
  description: "OpenSSH's server; Holdfast with a client of its own, restic with OpenSSH's",
  isDelayable: true,
  absent: () => (hasSshServer() && hasProgram("ssh") ? undefined : "OpenSSH's server or client is not installed"),
  async start() {
    const server = await SshServer.start();
    const trusted = new Set<string>();
    return {
      port: server.port,
      stop: () => server.stop(),
      clients(reach, name) {
        if (reach === undefined) throw new Error("a server is reached by its port");
        const { host, port, through } = reach;
        const line = server.knownHostLine(port).replace("[127.0.0.1]", `[${host}]`);
        if (!trusted.has(line)) appendFileSync(server.knownHosts, line);
        trusted.add(line);
        const path = join(server.root, name);
        const files = `-i ${server.clientKey} -o UserKnownHostsFile=${server.knownHosts}`;
        const ssh = `ssh -F none -p ${port} ${files} ${sshUser}@${host} -s sftp`;
        return {
          holdfast: {
            location: `sftp://${sshUser}@${host}:${port}/${path}`,
            access: { through, env: { HOME: server.home, SSH_AUTH_SOCK: "" } },
          },
          restic: {
            location: `sftp:${sshUser}@${host}:${path}`,
            access: { through, args: ["-o", `sftp.command=${ssh}`] },
          },
        };
      },
    };
  },
};
