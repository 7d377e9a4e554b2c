/** The kind `docker`: containers of Docker and of Podman, by the API that both serve. */
import type { SourceKind } from "../contract/source.ts";
import { DockerSource } from "./docker-source.ts";
import { type DockerSettings, dockerSettings } from "./settings.ts";

export const dockerKind: SourceKind<DockerSettings> = {
  kind: "docker",
  settings: dockerSettings,
  open: (name, settings, surroundings) => new DockerSource(name, settings, surroundings),
};
