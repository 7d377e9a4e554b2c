/** A place that repositories are kept in during a measurement, and how each program speaks to it. */
import type { Access } from "../programs.ts";
import type { Reach } from "../link/link.ts";

/** How one program reaches one repository. */
export interface Client {
  /** As the program writes it. */
  readonly location: string;
  readonly access: Access;
}

export interface Clients {
  readonly holdfast: Client;
  readonly restic: Client;
}

export interface RunningPlace {
  /** Where the server listens; `undefined` where there is none, and no delay can be. */
  readonly port: number | undefined;
  /** @param repository name of a repository that is not there yet, or that these clients made */
  clients(reach: Reach | undefined, repository: string): Clients;
  stop(): Promise<void>;
}

export interface Place {
  readonly name: string;
  /** What is measured there, for people. */
  readonly description: string;
  readonly isDelayable: boolean;
  /** Why it cannot be measured on this machine. */
  absent(): string | undefined;
  start(): Promise<RunningPlace>;
}
