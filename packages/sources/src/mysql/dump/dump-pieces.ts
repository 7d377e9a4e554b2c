/** A dump of several databases as pieces, one after the other: the tables of each database, then the views of each. */
import type { DumpPart, DumpScanner } from "./dump-scanner.ts";

export interface DumpPiece {
  readonly database: string;
  readonly phase: "tables" | "views";
  /** To be taken to its end before the next piece is asked for; what is left of it is passed over. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** Ends what gives the dump when it is left early. @throws what the dump throws, and an Error unless it is whole */
export async function* dumpPieces(dump: AsyncIterable<Uint8Array>, scanner: DumpScanner): AsyncGenerator<DumpPiece> {
  const parts = partsOf(dump, scanner);
  try {
    let next = await parts.next();
    const contentOfOne = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) {
        next = await parts.next();
        if (next.done === true || next.value.kind === "begin") return;
        yield next.value.bytes;
      }
    };
    while (next.done !== true) {
      const part = next.value;
      if (part.kind !== "begin") throw new Error("a dump begins with a database");
      const content = contentOfOne();
      yield { database: part.database, phase: part.phase, content };
      for await (const _ of content);
    }
  } finally {
    await parts.return(undefined);
  }
}

async function* partsOf(dump: AsyncIterable<Uint8Array>, scanner: DumpScanner): AsyncGenerator<DumpPart> {
  for await (const chunk of dump) yield* scanner.scan(chunk);
  yield* scanner.end();
}
