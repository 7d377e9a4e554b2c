/** A blank Debian system in a folder: what a machine has after its installation, and before anything of its own. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "@holdfast/base";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Programs } from "../../programs/programs.ts";
import { linesOf } from "../topics/normalise.ts";
import { inNamespaces } from "./namespaces.ts";

const DEFAULT_MIRROR = "http://deb.debian.org/debian";
/** Without them no repository has a name. */
const NETWORK_FILES = ["/etc/resolv.conf", "/etc/hosts"];

export interface BlankRoot extends CallOptions {
  readonly programs: Programs;
  /** PATH of the environment. */
  readonly path: string;
  /** For messages. */
  readonly source: string;
  /** A folder that is not there yet. */
  readonly root: string;
  readonly temporary: string;
  readonly codename: string;
  /** A tar file of such a system. */
  readonly base: string | undefined;
  readonly mirror: string;
}

/** @returns what made it @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED */
export async function makeBlankRoot(parts: BlankRoot): Promise<string> {
  const { programs, root, base, signal } = parts;
  await mkdir(root, { mode: 0o755 });
  const [tool, call] =
    base === undefined
      ? await bootstrap(parts)
      : ([
          "tar",
          { tool: "tar", args: ["-x", "--numeric-owner", "--same-permissions", "-C", root, "-f", base] },
        ] as const);
  await programs.text(call, { signal });
  for (const path of NETWORK_FILES) {
    const content = await readFile(path).catch(() => undefined);
    if (content !== undefined) await writeFile(join(root, path), content);
  }
  return base === undefined ? tool : `the tar file ${base}`;
}

async function bootstrap({
  path,
  source,
  root,
  temporary,
  codename,
  mirror,
}: BlankRoot): Promise<readonly [string, Parameters<Programs["text"]>[0]]> {
  if ((await findProgram("mmdebstrap", path)) !== undefined) {
    // Nothing of it is to outlive a crash, so dpkg need not wait for disks.
    const speed = ["--skip=cleanup/apt/lists", "--dpkgopt=force-unsafe-io"];
    const options = ["--mode=root", "--variant=apt", "--format=directory", ...speed];
    const words = ["mmdebstrap", ...options, codename, root, mirror];
    return ["mmdebstrap", { ...inNamespaces(words), variables: { TMPDIR: temporary } }];
  }
  if ((await findProgram("debootstrap", path)) !== undefined) {
    const words = ["debootstrap", "--variant=minbase", codename, root, mirror];
    return ["debootstrap", { ...inNamespaces(words), variables: { TMPDIR: temporary } }];
  }
  const how = "Install the package mmdebstrap, or name a tar file of a blank system with the setting prove.base.";
  throw sourcesError("SOURCES_TOOL_MISSING", { source, tool: "mmdebstrap", how });
}

/** The first repository of the system itself that has its release. @param repositories lines of the report */
export function mirrorOf(repositories: string, codename: string): string {
  for (const line of linesOf(repositories)) {
    const found = /^deb (?:\[[^\]]*\] )?(https?:\S+) (\S+)/.exec(line);
    if (found !== null && found[2] === codename) return found[1] as string;
  }
  return DEFAULT_MIRROR;
}
