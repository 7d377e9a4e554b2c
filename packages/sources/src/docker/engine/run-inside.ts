/** Runs a command in a container that runs. */
import { withinLimit } from "../../content/time-limit.ts";
import type { CallOptions } from "../../contract/source.ts";
import { lastLines } from "../../programs/last-lines.ts";
import { CREATED, EXEC } from "./answers.ts";
import type { EngineClient } from "./engine-client.ts";

const HEADER_BYTES = 8;
const KEPT_BYTES = 64 * 1024;

export interface Ran {
  readonly exitCode: number;
  /** The last lines of what it printed. */
  readonly said: string;
}

/**
 * Within the client's time limit. An engine has no way to end what it has started so: what takes too long goes on in the container.
 * @param words a program and its arguments; no shell
 * @throws SOURCES_TOOL_FAILED when it could not be run, SOURCES_TOO_LONG
 */
export async function runInside(
  engine: EngineClient,
  container: string,
  words: readonly string[],
  options: CallOptions,
): Promise<Ran> {
  const { limitMs: ms, source } = engine.parts;
  const limit = { ms, what: `the command ${words[0]} in a container`, source, setting: "time-limit" };
  return withinLimit(
    limit,
    async (signal) => {
      const body = { Cmd: words, AttachStdout: true, AttachStderr: true };
      const create = { method: "POST", path: ["containers", container, "exec"], body } as const;
      const { Id: id } = await engine.json(CREATED, create, { signal });
      const start = { method: "POST", path: ["exec", id, "start"], body: { Detach: false, Tty: false } } as const;
      let output = Buffer.alloc(0);
      for await (const chunk of engine.stream(start, { signal })) {
        output = Buffer.concat([output, chunk]);
        if (output.length > KEPT_BYTES) output = withoutFirstFrames(output);
      }
      const said = lastLines(textOf(output));
      for (;;) {
        const { Running, ExitCode } = await engine.json(EXEC, { path: ["exec", id, "json"] }, { signal });
        if (!Running && typeof ExitCode === "number") return { exitCode: ExitCode, said };
        signal.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    options,
  );
}

/** Standard output and error come in frames: which of them, three zeros, a length, and the bytes. */
function textOf(output: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + HEADER_BYTES <= output.length;) {
    const end = at + HEADER_BYTES + output.readUInt32BE(at + 4);
    parts.push(output.subarray(at + HEADER_BYTES, end));
    at = end;
  }
  return Buffer.concat(parts).toString("utf8");
}

function withoutFirstFrames(output: Buffer): Buffer<ArrayBuffer> {
  let at = 0;
  while (output.length - at > KEPT_BYTES) {
    const end = at + HEADER_BYTES + output.readUInt32BE(at + 4);
    if (end > output.length) break;
    at = end;
  }
  return Buffer.from(output.subarray(at));
}
