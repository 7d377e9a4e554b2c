/** Repositories by SFTP on a bad network. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import { openBackend } from "../../src/location.ts";
import { networkConformance } from "../../src/testing/network-conformance.ts";
import { SshServer, hasSshServer, sshUser } from "../../src/testing/ssh-server.ts";

describe.skipIf(!hasSshServer())("OpenSSH", () => {
  networkConformance("SftpBackend", async () => {
    const server = await SshServer.start();
    // What stands still is given up after a second also while connecting, and while a channel is opened.
    mkdirSync(join(server.home, ".ssh"), { recursive: true });
    const patience = ["Host *", "  ConnectTimeout 1", "  ServerAliveInterval 1", "  ServerAliveCountMax 1"];
    writeFileSync(join(server.home, ".ssh/config"), `${patience.join("\n")}\n`);
    return {
      port: server.port,
      // What SSH carries is authenticated, byte by byte.
      noticesRepeats: true,
      stop: () => server.stop(),
      open(place, { host, port }) {
        server.trust(port);
        if (host !== "127.0.0.1") server.trust(port, host.replace(/^\[|\]$/g, ""));
        const url = `sftp://${sshUser}@${host}:${port}/${join(server.root, place)}`;
        return openBackend(url, server.surroundings({ "sftp.timeout": "1" }));
      },
    };
  });
});
