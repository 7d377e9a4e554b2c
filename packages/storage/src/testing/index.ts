export { CephGateway, OTHER, OWNER, type GatewayUser, hasCeph } from "./ceph-gateway.ts";
export { backendConformance } from "./conformance.ts";
export type { ConformanceOptions, ConformanceSubject, SubjectFactory } from "./conformance-subject.ts";
export { FakeClock } from "./fake-clock.ts";
export { type ConnectionFault, type FaultChoice, FaultProxy } from "./fault-proxy.ts";
export { type SampleFile, sampleBytes, sampleFile } from "./sample-files.ts";
export { type RunningServer, type ServerProgram, hasProgram, startServer } from "./server-program.ts";
export { MemoryBackend } from "../memory/memory-backend.ts";
export { SshServer, hasSshServer, sshUser } from "./ssh-server.ts";
