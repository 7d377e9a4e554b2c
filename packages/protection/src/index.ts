export { PROTECTION_ERRORS, protectionError } from "./errors.ts";
export { type Places, defaultPlaces } from "./places.ts";
export { type CriticalFiles, criticalFiles, namedFiles } from "./critical-files.ts";
export { type OwnRepository, openOwnRepository } from "./own-repository.ts";
export { requireRoom } from "./room.ts";
export type { RestoreProof } from "./proof.ts";
export { type ProtectOptions, type ProtectResult, type ProtectStep, protect } from "./protect.ts";
export { readPasswordFile } from "./password-file.ts";
