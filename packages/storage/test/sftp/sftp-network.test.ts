/** Repositories by SFTP on a bad network. */
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import { openBackend } from "../../src/location.ts";
import { networkConformance } from "../../src/testing/network-conformance.ts";
import { SshServer, hasSshServer, sshUser } from "../../src/testing/ssh-server.ts";

describe.skipIf(!hasSshServer())("OpenSSH", () => {
  networkConformance("SftpBackend", async () => {
    const server = await SshServer.start();
    // Somebody else on this machine, who gives up soon, also while connecting and while a channel is opened.
    const hasty = join(server.folder, "hasty");
    mkdirSync(join(hasty, ".ssh"), { recursive: true });
    copyFileSync(server.clientKey, join(hasty, ".ssh/id_ed25519"));
    symlinkSync(server.knownHosts, join(hasty, ".ssh/known_hosts"));
    const patience = ["Host *", "  ConnectTimeout 2", "  ServerAliveInterval 1", "  ServerAliveCountMax 1"];
    writeFileSync(join(hasty, ".ssh/config"), `${patience.join("\n")}\n`);
    return {
      port: server.port,
      // What SSH carries is authenticated, byte by byte.
      noticesRepeats: true,
      stop: () => server.stop(),
      open(place, { host, port, patienceMs }) {
        server.trust(port);
        if (host !== "127.0.0.1") server.trust(port, host.replace(/^\[|\]$/g, ""));
        const url = `sftp://${sshUser}@${host}:${port}/${join(server.root, place)}`;
        if (patienceMs === undefined) return openBackend(url, server.surroundings());
        return openBackend(url, { ...server.surroundings({ "sftp.timeout": "1" }), home: hasty });
      },
    };
  });
});
