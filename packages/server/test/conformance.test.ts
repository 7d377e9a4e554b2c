/** Holdfast's client on Holdfast's server keeps the contract of backends, with all that the server adds to restic's protocol. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Backend, NO_SURROUNDINGS, openBackend } from "@holdfast/storage";
import { backendConformance } from "@holdfast/storage/testing";
import type { Role } from "../src/repository-server/roles.ts";
import { afterTest, startServer, tokenOf } from "./test-server.ts";

interface Place {
  readonly root: string;
  /** Opens the repository `den` as a client with that role. */
  open(role: Role): Promise<Backend>;
}

async function place(): Promise<Place> {
  const { server, root } = await startServer();
  const { host } = new URL(server.url);
  const open = async (role: Role): Promise<Backend> => {
    const address = `rest:http://${role}:${encodeURIComponent(tokenOf(role))}@${host}/den/`;
    const backend = await openBackend(address, NO_SURROUNDINGS);
    afterTest(() => backend.close());
    return backend;
  };
  return { root, open };
}

backendConformance(
  "Holdfast's repository server",
  async () => {
    const { root, open } = await place();
    return {
      backend: await open("admin"),
      clearsUpLate: true,
      async plantForeign(path) {
        // Listings have names and no paths: a file in a wrong folder of `data` cannot be told from the right one.
        if (/^data\/.*\/?[0-9a-f]{64}$/.test(path)) return;
        const full = join(root, "den", path);
        await mkdir(dirname(full), { recursive: true });
        await writeFile(full, "foreign");
      },
    };
  },
  { verifiesNames: true },
);

backendConformance(
  "Holdfast's repository server, append-only by the role",
  async () => {
    const { open } = await place();
    return { backend: await open("append-only"), writer: await open("admin"), clearsUpLate: true };
  },
  { access: "append-only", verifiesNames: true },
);
