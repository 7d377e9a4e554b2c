/**
 * Removal by plans: a place may remove files only when they are named in a plan that was registered, that people have approved,
 * and whose delay is over. What clients and the server both have to know of that.
 */
import type { FileType } from "../file-type.ts";

/** The namespace of signatures (`ssh-keygen -Y sign -n`): one for a file or a commit is none for a plan. */
export const PLAN_NAMESPACE = "holdfast-plan";
/** The most files that one plan may name. */
export const MAX_PLAN_FILES = 200_000;
/** The most characters of a reason. */
export const MAX_REASON_CHARS = 1000;

/** What an approver signs: what is decided, and about which plan. */
export function planStatement(decision: "approve" | "cancel", hash: string): Uint8Array {
  return new TextEncoder().encode(`${decision} ${hash}\n`);
}

/** A file of a plan. */
export interface PlannedFile {
  readonly type: FileType;
  readonly name: string;
  readonly sizeBytes: number;
}

/** All of a plan but its files. Nothing of it changes after it was registered. Times are in milliseconds since 1970. */
export interface PlanHeader {
  /** The name of the repository on its server. */
  readonly repository: string;
  /** The client that asks. */
  readonly client: string;
  /** Who uses that client, by the name as an approver, if the server knows: that person does not approve it. */
  readonly person?: string;
  /** What it is for, such as `forget` or `prune`. */
  readonly command: string;
  /** Why, as the client says. */
  readonly reason: string;
  readonly proposedMs: number;
  /** Nothing is removed before, */
  readonly notBeforeMs: number;
  /** nor from then on. */
  readonly expiresMs: number;
  /** How many people have to approve. */
  readonly approvals: number;
  readonly files: number;
  readonly bytes: number;
}

/**
 * `waiting` for people, or for its time; `ready`: its files may be removed now; `done`: they are; `expired`, `cancelled`: they
 * will not be.
 */
export const PLAN_STATES = ["waiting", "ready", "done", "expired", "cancelled"] as const;
export type PlanState = (typeof PLAN_STATES)[number];

/** What has become of a plan. */
export interface PlanStatus extends PlanHeader {
  /** SHA-256 of the plan's document, in hex. */
  readonly hash: string;
  readonly state: PlanState;
  /** Who has approved, when, by valid signatures. */
  readonly approvedBy: readonly { readonly name: string; readonly atMs: number }[];
  readonly cancelledBy?: string;
  readonly cancelledMs?: number;
  /** How many of its files were removed. */
  readonly removed: number;
}

/** What a client asks for; the server adds the rest, sizes among it. */
export interface PlanProposal {
  readonly command: string;
  readonly reason: string;
  readonly files: readonly { readonly type: FileType; readonly name: string }[];
}

interface PlanCall {
  readonly signal: AbortSignal;
}

/** The plans of one repository, at its server. Each call throws STORAGE_PLAN_REFUSED with what the server says, and what a call of a backend throws. */
export interface RemovalPlans {
  /** Those that wait or are ready, and those that ended of late; the newest first. */
  list(options: PlanCall): Promise<PlanStatus[]>;
  /** What was registered, byte for byte: its SHA-256 is the hash. @throws STORAGE_NO_PLAN, STORAGE_PLAN_DAMAGED */
  document(hash: string, options: PlanCall): Promise<Uint8Array>;
  /** Registers a plan; removes nothing. */
  propose(proposal: PlanProposal, options: PlanCall): Promise<PlanStatus>;
  /** @param signature over `planStatement`, in the form of `ssh-keygen -Y sign`. @throws STORAGE_NO_PLAN */
  approve(hash: string, signature: string, options: PlanCall): Promise<PlanStatus>;
  /** @param signature of an approver; without one the client's role has to allow it. @throws STORAGE_NO_PLAN */
  cancel(hash: string, signature: string | undefined, options: PlanCall): Promise<PlanStatus>;
}
