/** A socket before an engine's that ends a connection in the middle of an answer, as an engine does that dies. */
import { createServer, connect } from "node:net";

export interface CuttingProxy {
  readonly socket: string;
  close(): Promise<void>;
}

/** @param cuts whether the answer to what was asked is cut @param bytes so many of it go through */
export async function cuttingProxy(
  socket: string,
  to: string,
  { cuts, bytes }: { cuts: (asked: string) => boolean; bytes: number },
): Promise<CuttingProxy> {
  const server = createServer((client) => {
    const engine = connect(to);
    let left = Number.POSITIVE_INFINITY;
    client.on("data", (chunk: Buffer) => {
      if (cuts(chunk.toString("latin1"))) left = bytes;
      engine.write(chunk);
    });
    engine.on("data", (chunk: Buffer) => {
      client.write(chunk.subarray(0, Math.max(0, Math.min(left, chunk.length))));
      left -= chunk.length;
      if (left <= 0) {
        client.destroy();
        engine.destroy();
      }
    });
    for (const [one, other] of [
      [client, engine],
      [engine, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.end());
    }
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return { socket, close: () => new Promise((resolve) => server.close(() => resolve())) };
}
