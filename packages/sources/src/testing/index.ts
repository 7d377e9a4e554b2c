/** For tests only. */
export { sourceConformance, type SourceSubject, type SubjectParts } from "./conformance.ts";
export { PostgresServer, type PostgresServerOptions, postgresBinaries, serverUser } from "./postgres-server.ts";
export { type LabCapture, SourceLab } from "./source-lab.ts";
export { withoutPart } from "./unreadable-part.ts";
