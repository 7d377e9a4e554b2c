export { SERVER_ERRORS, serverError } from "./errors.ts";
export { type AccessEntry, type AccessLog, fileLog } from "./repository-server/access-log.ts";
export { hashPassword, hashToken, newToken } from "./repository-server/client-secrets.ts";
export {
  type Client,
  isClientName,
  isPersonName,
  isRepositoryPattern,
  readClients,
  writeClients,
} from "./repository-server/clients-file.ts";
export { Ledger, type TrashRow } from "./repository-server/ledger.ts";
export { type ListenAddress, parseListenAddress } from "./repository-server/listen-address.ts";
export { RepositoryPlaces } from "./repository-server/repository-places.ts";
export {
  type PlanOptions,
  RepositoryServer,
  type RepositoryServerOptions,
} from "./repository-server/repository-server.ts";
export { ROLES, type Role, isRole } from "./repository-server/roles.ts";
export { Trash } from "./repository-server/trash.ts";
