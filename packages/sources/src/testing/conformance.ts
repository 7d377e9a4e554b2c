/** The promises of the source contract as tests: every kind runs them against the real thing. */
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Source, type SourceKind, isProven } from "../contract/source.ts";
import { SourceLab } from "./source-lab.ts";

/** One real thing to be protected, made by the test. */
export interface SourceSubject {
  /** Settings as the configuration would have them, before they are parsed. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Settings with which a capture must fail, by what is wrong with them, and the code of the error. */
  readonly broken: readonly {
    readonly what: string;
    readonly settings: Readonly<Record<string, unknown>>;
    readonly code: string;
  }[];
  /** Destroys the original. */
  destroy(): Promise<void>;
  /** Where it is restored to. */
  readonly target: { readonly form?: string; readonly settings?: Readonly<Record<string, unknown>> };
  /** Throws unless what was restored there is what was captured. */
  assertRestored(folder: string): Promise<void>;
  /** True when nothing of the capture goes on: nothing frozen, no process, no file left. */
  isQuiet(): Promise<boolean>;
  close(): Promise<void>;
}

export interface SubjectParts {
  /** For its owner only; removed at the end. */
  readonly folder: string;
  readonly lab: SourceLab;
}

/** Declares the suite for one kind; call it at the top of a test file. @param make a subject with content */
export function sourceConformance<S>(kind: SourceKind<S>, make: (parts: SubjectParts) => Promise<SourceSubject>): void {
  const identity = { kind: kind.kind, name: "subject" };

  describe(`${kind.kind} keeps the source contract`, () => {
    let lab: SourceLab;
    let subject: SourceSubject;
    const never = new AbortController().signal;
    const open = (changes: Readonly<Record<string, unknown>> = {}): Source =>
      kind.open("subject", kind.settings.parse({ ...subject.settings, ...changes }), lab.surroundings());
    const silent = { onWarning: () => {}, onStep: () => {} };

    beforeAll(async () => {
      lab = await SourceLab.open();
      subject = await make({ folder: lab.folder, lab });
    });
    afterAll(async () => {
      await subject.close();
      lab.remove();
    });

    test("a capture that is aborted before it begins rejects with the reason", async () => {
      const reason = new Error("interrupted");
      await expect(lab.capture(open(), identity, AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(await subject.isQuiet()).toBe(true);
      expect(await lab.snapshotCount()).toBe(0);
    });

    test("what is wrong with the settings is said, and makes no snapshot", async () => {
      for (const { what, settings, code } of subject.broken) {
        await expect(lab.capture(open(settings), identity), what).rejects.toMatchObject({ code });
        expect(await subject.isQuiet(), what).toBe(true);
      }
      expect(await lab.snapshotCount()).toBe(0);
    });

    test("settings that nobody knows are refused", () => {
      expect(kind.settings.safeParse({ ...subject.settings, "no-such-setting": 1 }).success).toBe(false);
    });

    test("a capture ends quietly, and says what it has captured", async () => {
      await lab.capture(open(), identity);
      expect(await subject.isQuiet()).toBe(true);
      const { facts } = await lab.captured();
      expect(facts).toMatchObject({ kind: kind.kind, name: "subject", hostname: "lab" });
      expect(Date.now() - Date.parse(facts.consistentAt)).toBeLessThan(10 * 60_000);
    });

    test("a second capture of the same adds little, under the same path", async () => {
      const first = await lab.captured();
      const { result } = await lab.capture(open(), identity);
      expect(result.parentId).toBeDefined();
      // A change costs the chunks around it, and each repository cuts elsewhere: of little data that may be a third.
      expect(result.counts.dataAdded).toBeLessThanOrEqual(Math.max(128 * 1024, result.bytesDone / 2));
      const again = await lab.captured();
      expect(await again.list(undefined, { signal: never })).toHaveLength(
        (await first.list(undefined, { signal: never })).length,
      );
    });

    test("it is proven without the original", async () => {
      const steps: string[] = [];
      const scratch = lab.newFolder();
      const report = await open().prove(await lab.captured(), {
        scratch,
        signal: never,
        onStep: (step) => steps.push(step),
      });
      expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
      expect(isProven(report)).toBe(true);
      expect(report.usableAfterMs).toBeGreaterThan(0);
      expect(steps.length).toBeGreaterThan(0);
      expect(await subject.isQuiet()).toBe(true);
    });

    test("a folder that is not empty is refused, and stays as it is", async () => {
      const source = open();
      const captured = await lab.captured();
      for (const form of source.forms.filter(({ name }) => name === "folder")) {
        const folder = lab.newFolder();
        await import("node:fs/promises").then(({ writeFile }) => writeFile(`${folder}/mine`, "mine"));
        const restore = source.restore(captured, { ...silent, form: form.name, folder, signal: never });
        await expect(restore).rejects.toMatchObject({ code: "SOURCES_TARGET_NOT_EMPTY" });
        expect(readdirSync(folder)).toEqual(["mine"]);
      }
    });

    test("as files it is restored only into a folder that somebody has named", async () => {
      const source = open();
      const captured = await lab.captured();
      const isThere = source.forms.some(({ name }) => name === "folder");
      if (!isThere) return;
      const restore = source.restore(captured, { ...silent, form: "folder", signal: never });
      await expect(restore).rejects.toMatchObject({
        code: expect.stringMatching(/^SOURCES_(NO_FOLDER|UNSUPPORTED)$/),
      });
    });

    test("a setting that a restore does not have is refused, whatever the form", async () => {
      const source = open();
      const captured = await lab.captured();
      for (const { name } of source.forms) {
        const folder = lab.newFolder();
        const settings = { ...subject.target.settings, "no-such-setting": 1 };
        const restore = source.restore(captured, { ...silent, form: name, folder, settings, signal: never });
        await expect(restore, name).rejects.toMatchObject({
          code: "SOURCES_SETTINGS",
          message: expect.stringContaining("no-such-setting"),
        });
        expect(readdirSync(folder), name).toEqual([]);
      }
    });

    test("a form that there is not is refused", async () => {
      const options = { ...silent, form: "no-such-form", folder: lab.newFolder(), signal: never };
      await expect(open().restore(await lab.captured(), options)).rejects.toMatchObject({
        code: "SOURCES_FORM_UNKNOWN",
      });
    });

    test("what was destroyed comes back as it was", async () => {
      const source = open();
      await subject.destroy();
      const folder = lab.newFolder();
      const report = await source.restore(await lab.captured(), {
        ...silent,
        ...subject.target,
        folder,
        signal: never,
      });
      expect(report.restored.length).toBeGreaterThan(0);
      await subject.assertRestored(folder);
    });
  });
}
