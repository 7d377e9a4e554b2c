/** For tests only. */
export { sourceConformance, type SourceSubject, type SubjectParts } from "./conformance.ts";
export { type LabCapture, SourceLab } from "./source-lab.ts";
