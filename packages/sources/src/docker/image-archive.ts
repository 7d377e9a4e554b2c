/** Archives of images as the engine gives them. */
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import type { EngineImage } from "./engine/answers.ts";
import type { EngineClient } from "./engine/engine-client.ts";

/** A tar ends with at least two blocks of zeros. */
const END_BYTES = 1024;

/** True when a registry is known that has it by this digest. Podman gives digests also to what was built here. */
export function hasRegistryDigest({ RepoDigests }: EngineImage): boolean {
  return RepoDigests.some((digest) => !digest.startsWith("localhost/") && !digest.startsWith("<none>"));
}

/** The name of the file in a capture. */
export function imageFile({ Id }: EngineImage): string {
  return `${Id.replace(/^sha256:/, "")}.tar`;
}

/** With its tags, where it has some. @throws SOURCES_DAMAGED when the archive is not whole, and as `EngineClient` */
export async function* imageArchive(
  engine: EngineClient,
  image: EngineImage,
  options: CallOptions,
): AsyncGenerator<Uint8Array> {
  const [tag] = image.RepoTags.filter((each) => !each.includes("<none>"));
  let end = Buffer.alloc(0);
  let total = 0;
  // By a name, so that the archive names it and a load gives it back.
  for await (const chunk of engine.stream({ path: ["images", tag ?? image.Id, "get"] }, options)) {
    end = Buffer.concat([end, chunk.subarray(-END_BYTES)]).subarray(-END_BYTES);
    total += chunk.length;
    yield chunk;
  }
  // Engines answer with 200 before they know whether they can write all of it.
  if (total > END_BYTES && end.every((byte) => byte === 0)) return;
  const tool = `the engine at ${engine.parts.socket}`;
  const reason = `the archive of image ${tag ?? image.Id} ends after ${total} bytes, and not as an archive does`;
  throw sourcesError("SOURCES_TOOL_FAILED", { source: engine.parts.source, tool, reason });
}
