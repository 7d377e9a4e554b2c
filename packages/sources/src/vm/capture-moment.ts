/** A capture of a machine, made of its disks at one moment. */
import type { GivenEntry } from "@holdfast/engine";
import { captureFolder } from "../contract/capture-folder.ts";
import type { CaptureFacts } from "../contract/facts.ts";
import type { Capture, SourceWarning } from "../contract/source.ts";
import type { Moment } from "./moment.ts";
import { DiskReader } from "./nbd/disk-reader.ts";
import { fewRanges, joinedRanges } from "./ranges.ts";
import type { DiskFacts, VmDetail } from "./stored-facts.ts";

/** So many stretches of a disk are kept in the facts. */
const MOST_RECORDED = 1000;

export interface CaptureOf {
  readonly name: string;
  readonly onWarning: (warning: SourceWarning) => void;
}

export function captureOf(moment: Moment, { name, onWarning }: CaptureOf): Capture {
  const folder = captureFolder("vm", name);
  const disks: DiskFacts[] = [];
  return {
    paths: [folder],
    entries: entriesOf(moment, folder, { disks, onWarning }),
    facts: () => factsOf(moment, disks),
    close: () => moment.close(),
  };
}

async function* entriesOf(
  moment: Moment,
  folder: string,
  { disks, onWarning }: { disks: DiskFacts[]; onWarning: (warning: SourceWarning) => void },
): AsyncGenerator<GivenEntry> {
  const { signal } = moment;
  for (const { name, format, image, connection, bitmap, since } of moment.disks) {
    const reader = new DiskReader(connection, { signal });
    const file = `disks/${name}.raw`;
    const { sizeBytes } = connection;
    let changedOnly = since !== undefined;
    const changed =
      since === undefined ? [] : joinedRanges([...(await reader.changed(since.bitmap)), ...since.recorded]);
    const changes = since === undefined ? undefined : { since: since.snapshot, changed };
    const goesOn = since !== undefined && since.bitmap === bitmap;
    yield {
      kind: "ranged",
      path: `${folder}/${file}`,
      sizeBytes,
      mode: 0o600,
      read: (range) => reader.read(range),
      ...(changes === undefined ? {} : { changes }),
      onReadWhole: (reason) => {
        changedOnly = false;
        onWarning({ code: "read-whole", message: `the disk ${name} is read as a whole: ${reason}` });
      },
    };
    // Before the next: what was read must not be of a later moment.
    await moment.assertHeld();
    const facts = { name, file, sizeBytes, format, image, readBytes: reader.bytesRead, changedOnly };
    const recorded = fewRanges(changed, MOST_RECORDED).map(({ start, end }): [number, number] => [start, end]);
    disks.push({ ...facts, ...(bitmap === undefined ? {} : { bitmap }), ...(goesOn ? { recorded } : {}) });
  }
  for (const { name, bytes } of moment.files) {
    yield { kind: "file", path: `${folder}/${name}`, content: onePiece(bytes), mode: 0o600 };
  }
}

function factsOf(moment: Moment, disks: readonly DiskFacts[]): CaptureFacts {
  const { frozen } = moment;
  const detail: VmDetail = {
    disks: [...disks],
    files: moment.files.map(({ name }) => name),
    machine: moment.machine,
    ...(frozen === undefined ? {} : { frozen }),
  };
  return {
    consistentAt: new Date(moment.atMs).toISOString(),
    consistency: frozen !== undefined && frozen > 0 ? "file-system" : "crash",
    tools: moment.tools,
    position: {},
    detail,
  };
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
