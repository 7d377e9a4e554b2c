/**
 * The guarantees of the `Backend` contract as tests. Every backend and every decorator runs them; a backend that passes can
 * hold a repository.
 */
import { describe } from "vitest";
import { accessTests } from "./conformance-access.ts";
import { abortTests } from "./conformance-abort.ts";
import { listTests } from "./conformance-list.ts";
import { manyFilesTest } from "./conformance-many.ts";
import { loadTests } from "./conformance-load.ts";
import { retentionTests } from "./conformance-retention.ts";
import { saveTests } from "./conformance-save.ts";
import type { ConformanceOptions, SubjectFactory } from "./conformance-subject.ts";

/**
 * Declares the suite for one backend; call it at the top of a test file.
 * @param factory makes a fresh, empty place for each test
 */
export function backendConformance(name: string, factory: SubjectFactory, options: ConformanceOptions = {}): void {
  const access = options.access ?? "everything";
  describe(`${name} keeps the backend contract`, () => {
    loadTests(factory);
    listTests(factory);
    if (options.manyFiles !== undefined) manyFilesTest(factory, options.manyFiles);
    accessTests(factory, access, options);
    if (access === "everything") retentionTests(factory);
    if (access !== "read-only") {
      saveTests(factory, access, options);
      abortTests(factory);
    }
  });
}
