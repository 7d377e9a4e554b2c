/** What the configuration says of a source of kind `system`. */
import { z } from "zod";
import { absolutePath, duration, pathPattern, size } from "../contract/setting-types.ts";

/** Where a system keeps what was made for it. What packages bring comes from packages again. */
const DEFAULT_PATHS: readonly string[] = [
  "/etc",
  "/root",
  "/usr/local",
  "/opt",
  "/var/spool/cron",
  "/var/spool/at",
  "/var/lib/dpkg",
  "/var/lib/apt/extended_states",
  "/var/lib/rpm",
  "/usr/lib/sysimage/rpm",
  "/var/lib/alternatives",
  "/var/lib/systemd/linger",
  "/usr/share/keyrings",
  "/boot/grub/grub.cfg",
  "/boot/loader",
];

const packageName = z.string().regex(/^[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?$/, "give the name of a Debian package");

export const systemSettings = z.strictObject({
  root: absolutePath
    .default("/")
    .describe("The root of the system: / for the machine that runs, or where another one is mounted."),
  paths: z
    .array(absolutePath)
    .min(1)
    .default([...DEFAULT_PATHS])
    .describe("Folders and files that are stored as they are, as paths of that system."),
  exclude: z
    .array(pathPattern)
    .default(["/root/.cache"])
    .describe("Patterns of paths that are left out, as --exclude takes them: `/opt/games`, `*.log`."),
  "package-files": z
    .enum(["quick", "full", "none"])
    .default("quick")
    .describe(
      "Which files of packages are compared with what the package brought: those that were touched since, all, or none. Files that differ, and files in /usr that belong to no package, are stored too.",
    ),
  "package-files-time-limit": duration
    .prefault("5m")
    .describe("How long that may take; what was not compared by then is said in a warning."),
  "package-files-size": size
    .prefault("512M")
    .describe(
      "How large that what differs and what belongs to no package may be together; more is left out, with a warning.",
    ),
  "command-time-limit": duration.prefault("30s").describe("How long each program may take that tells of the system."),
  "without-packages": z
    .array(packageName)
    .default([])
    .describe("Packages that no repository has, and that a person installs by hand after a rebuild."),
  prove: z
    .strictObject({
      base: absolutePath
        .optional()
        .describe("A tar file of a blank Debian system. Default: one is made by mmdebstrap or debootstrap."),
      mirror: z
        .url({ protocol: /^(https?|file)$/, error: "give an address with http:, https: or file:" })
        .optional()
        .describe(
          "Where the packages of the blank system come from. Default: the first of the system's own repositories.",
        ),
      packages: z
        .enum(["install", "simulate"])
        .default("install")
        .describe(
          "Whether packages are installed, or it is only tried whether they could be; files and users are put in place in both cases.",
        ),
      "time-limit": duration.prefault("2h").describe("How long the blank system and the rebuild may take together."),
    })
    .prefault({})
    .describe("How a rebuild is proven."),
});

export type SystemSettings = z.infer<typeof systemSettings>;
