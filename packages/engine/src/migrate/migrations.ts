/** Which changes of a repository's format there are, and which of them it could still take (restic: `migrate`). */
import type { RepositoryConfig } from "../format/config.ts";

export interface Migration {
  /** restic's name for it. */
  readonly name: "upgrade_repo_v2";
  readonly description: string;
  /** Why the repository cannot take it, or `undefined` when it can. */
  readonly obstacle: (config: RepositoryConfig) => string | undefined;
}

export const MIGRATIONS: readonly Migration[] = [
  {
    name: "upgrade_repo_v2",
    description: "upgrade the repository to version 2, which compresses",
    obstacle: ({ version }) => (version === 1 ? undefined : `the repository has version ${version} already`),
  },
];

/** Those that the repository can take. */
export function availableMigrations(config: RepositoryConfig): Migration[] {
  return MIGRATIONS.filter(({ obstacle }) => obstacle(config) === undefined);
}
