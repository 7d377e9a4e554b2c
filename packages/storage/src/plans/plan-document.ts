/**
 * The document of a plan, whose SHA-256 is what people approve: a first line of JSON with the header, then one line for each file,
 * `type name size`, in the order of types and names. There is one way to write a plan, and no other is read.
 */
import { createHash } from "node:crypto";
import { storageError } from "../errors.ts";
import type { FileType } from "../file-type.ts";
import { FILE_TYPES, isFileName } from "../keys.ts";
import type { PlanHeader, PlannedFile } from "./removal-plan.ts";

const FORMAT = "holdfast removal plan 1";
/** Stands for the empty name of `config`. */
const NO_NAME = "-";

export interface RemovalPlan {
  readonly header: PlanHeader;
  readonly files: readonly PlannedFile[];
}

/** The hash that names a plan. */
export function planHash(document: Uint8Array): string {
  return createHash("sha256").update(document).digest("hex");
}

/** @param files each once; their number and bytes are put into the header */
export function encodePlan(header: Omit<PlanHeader, "files" | "bytes">, files: readonly PlannedFile[]): Uint8Array {
  const lines = files.map(({ type, name, sizeBytes }) => `${type} ${name === "" ? NO_NAME : name} ${sizeBytes}`).sort();
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const first = JSON.stringify({
    format: FORMAT,
    repository: header.repository,
    client: header.client,
    ...(header.person === undefined ? {} : { person: header.person }),
    command: header.command,
    reason: header.reason,
    proposed: new Date(header.proposedMs).toISOString(),
    not_before: new Date(header.notBeforeMs).toISOString(),
    expires: new Date(header.expiresMs).toISOString(),
    approvals: header.approvals,
    files: files.length,
    bytes,
  });
  return Buffer.from([first, ...lines, ""].join("\n"));
}

/** @param hash what the document has to be. @throws STORAGE_PLAN_DAMAGED when it is another, or no plan */
export function decodePlan(document: Uint8Array, hash: string): RemovalPlan {
  const fail = (reason: string): Error => storageError("STORAGE_PLAN_DAMAGED", { hash, reason });
  if (planHash(document) !== hash) throw fail("its bytes are not those of its hash");
  const [first = "", ...lines] = new TextDecoder().decode(document).split("\n");
  const header = headerOf(first);
  if (header === undefined || lines.pop() !== "") throw fail("it is not written as plans are");
  const files = lines.map((line) => fileOf(line) ?? fail("a line is no file"));
  const wrong = files.find((file) => file instanceof Error);
  if (wrong !== undefined) throw wrong;
  const plan = { header, files: files as PlannedFile[] };
  // One way to write it: what is shown is then all that was signed.
  if (Buffer.compare(encodePlan(header, plan.files), document) !== 0) throw fail("it is not written as plans are");
  return plan;
}

function headerOf(line: string): PlanHeader | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof fields !== "object" || fields === null) return undefined;
  const {
    format,
    repository,
    client,
    person,
    command,
    reason,
    proposed,
    not_before,
    expires,
    approvals,
    files,
    bytes,
  } = fields as Readonly<Record<string, unknown>>;
  const texts = [repository, client, command, reason, proposed, not_before, expires];
  const times = [proposed, not_before, expires].map((time) => Date.parse(String(time)));
  const isRight =
    format === FORMAT &&
    texts.every((text) => typeof text === "string") &&
    (person === undefined || typeof person === "string") &&
    times.every(Number.isSafeInteger) &&
    [approvals, files, bytes].every((count) => Number.isSafeInteger(count) && (count as number) >= 0);
  if (!isRight) return undefined;
  const [proposedMs, notBeforeMs, expiresMs] = times as [number, number, number];
  return {
    repository: repository as string,
    client: client as string,
    ...(person === undefined ? {} : { person }),
    command: command as string,
    reason: reason as string,
    proposedMs,
    notBeforeMs,
    expiresMs,
    approvals: approvals as number,
    files: files as number,
    bytes: bytes as number,
  };
}

const LINE = /^(?<type>[a-z]+) (?<name>-|[0-9a-f]{64}) (?<size>0|[1-9]\d{0,14})$/;

function fileOf(line: string): PlannedFile | undefined {
  const { type, name, size } = LINE.exec(line)?.groups ?? {};
  if (type === undefined || name === undefined || !(FILE_TYPES as readonly string[]).includes(type)) return undefined;
  const ownName = name === NO_NAME ? "" : name;
  if (!isFileName(type as FileType, ownName)) return undefined;
  return { type: type as FileType, name: ownName, sizeBytes: Number(size) };
}
