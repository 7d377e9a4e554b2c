/** Runs a test body on a fresh subject that is initialized, and disposes of it afterwards. */
import type { Backend } from "../backend.ts";
import { type ConformanceSubject, type SubjectFactory, unaborted } from "./conformance-subject.ts";

/** A subject whose `writer` is settled. */
export interface ReadySubject extends ConformanceSubject {
  readonly writer: Backend;
}

/** A test function for vitest. */
export function withSubject(
  factory: SubjectFactory,
  body: (subject: ReadySubject) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const subject = await factory();
    const writer = subject.writer ?? subject.backend;
    try {
      await writer.initialize(unaborted());
      await body({ ...subject, writer });
    } finally {
      await subject.backend.close();
      await subject.dispose?.();
    }
  };
}
