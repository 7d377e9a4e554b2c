/** What the configuration says of a source of kind `docker`. */
import { z } from "zod";
import { absolutePath, commandLine, duration } from "../contract/setting-types.ts";

const names = z.union([
  z.array(z.string().min(1)),
  // As `--set containers=web,db` gives them.
  z.string().transform((text) => text.split(",").filter((name) => name !== "")),
]);

export const dockerSettings = z.strictObject({
  socket: absolutePath
    .optional()
    .describe("The engine's socket. Default: DOCKER_HOST, else Docker's or Podman's of the user who runs this."),
  containers: names.optional().describe("Only these containers, by name. One that is not there is a failure."),
  "exclude-containers": names.prefault([]).describe("All but these containers."),
  projects: names.optional().describe("Only containers and volumes of these compose projects."),
  stop: z
    .enum(["never", "label", "always"])
    .default("label")
    .describe(
      "Which running containers come to rest while their volumes are read: none, those with a label holdfast.stop=true or =pause, or all that have something to be read.",
    ),
  "exclude-binds": z.array(absolutePath).default([]).describe("Folders of this machine that are not captured."),
  "save-images": z
    .enum(["missing", "always", "never"])
    .default("missing")
    .describe("Images that are stored themselves: those that no registry has, all, or none."),
  prefix: z
    .string()
    .regex(/^([a-zA-Z0-9][a-zA-Z0-9_.-]*)?$/, "give letters, digits, _, . and -")
    .default("")
    .describe("Put before the names of what a restore makes, so that it lies beside the original: --set prefix=test_"),
  "time-limit": duration.prefault("5m").describe("For each answer of the engine, each stop and each command."),
  proof: z
    .strictObject({
      start: z
        .boolean()
        .default(true)
        .describe("Start copies of the containers, without network, where an engine and their images are there."),
      commands: z
        .record(z.string(), commandLine)
        .default({})
        .describe("Run in the started copy of a container, by its name; exit code 0 is a pass."),
      "runs-for": duration
        .prefault("5s")
        .describe("So long a copy must run that has neither a command nor a health check."),
    })
    .prefault({})
    .describe("How restored containers are examined."),
});

export type DockerSettings = z.infer<typeof dockerSettings>;
