import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { backendConformance } from "../testing/conformance.ts";
import { openLocal } from "./local-backend.ts";

backendConformance(
  "LocalBackend",
  async () => {
    const root = await mkdtemp(join(tmpdir(), "holdfast-local-"));
    return {
      backend: openLocal(root),
      folder: root,
      async plantForeign(path) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), "foreign");
      },
      dispose: () => rm(root, { recursive: true }),
    };
  },
  { manyFiles: 100_000 },
);
