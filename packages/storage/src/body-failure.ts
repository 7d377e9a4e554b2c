/** Keeps the errors of a body apart from those of the place that it goes to. */
import type { ByteSource } from "./backend.ts";

/** Carries an error of the body past those of the place: what a body throws comes out of `save` as it is. */
export class BodyFailure extends Error {
  constructor(cause: unknown) {
    super("the body failed", { cause });
  }
}

/** The chunks of a body. @throws BodyFailure for whatever the body throws */
export async function* chunksOf(body: ByteSource): AsyncGenerator<Uint8Array> {
  try {
    yield* body.open();
  } catch (error) {
    throw new BodyFailure(error);
  }
}
