import { backendConformance } from "../testing/conformance.ts";
import { MemoryBackend } from "./memory-backend.ts";

backendConformance("MemoryBackend", async () => ({ backend: new MemoryBackend() }), { manyFiles: 100_000 });
