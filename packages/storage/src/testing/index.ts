export { backendConformance } from "./conformance.ts";
export type { ConformanceOptions, ConformanceSubject, SubjectFactory } from "./conformance-subject.ts";
export { FakeClock } from "./fake-clock.ts";
export { type SampleFile, sampleBytes, sampleFile } from "./sample-files.ts";
export { MemoryBackend } from "../memory/memory-backend.ts";
export { SshServer, hasSshServer, sshUser } from "./ssh-server.ts";
