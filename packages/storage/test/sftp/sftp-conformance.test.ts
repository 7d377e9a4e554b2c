import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { openBackend } from "../../src/location.ts";
import { backendConformance } from "../../src/testing/conformance.ts";
import type { ConformanceSubject } from "../../src/testing/conformance-subject.ts";
import { SFTP_SERVER, SshServer, hasSshServer } from "../../src/testing/ssh-server.ts";

describe.skipIf(!hasSshServer())("over SSH", () => {
  let server: SshServer;

  beforeAll(async () => {
    server = await SshServer.start();
  });

  afterAll(() => server.stop());

  backendConformance(
    "SftpBackend",
    async (): Promise<ConformanceSubject> => {
      const root = join(server.root, randomUUID());
      return {
        backend: await openBackend(server.url(root), server.surroundings()),
        folder: root,
        plantForeign: (path) => plant(root, path),
        dispose: () => rm(root, { recursive: true }),
      };
    },
    { manyFiles: 100_000 },
  );
});

describe.skipIf(!hasSshServer())("over a program", () => {
  backendConformance("SftpBackend", async (): Promise<ConformanceSubject> => {
    const root = await mkdtemp(join(tmpdir(), "holdfast-sftp-"));
    const option = (name: string) => (name === "sftp.command" ? SFTP_SERVER : undefined);
    return {
      backend: await openBackend(`sftp:nobody@nowhere:${root}`, { variable: () => undefined, option, home: "/" }),
      plantForeign: (path) => plant(root, path),
      dispose: () => rm(root, { recursive: true }),
    };
  });
});

async function plant(root: string, path: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), "foreign");
}
