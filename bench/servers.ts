/** The servers under measurement, each without a password, for this machine only. */
import { fileURLToPath } from "node:url";
import { installed } from "./programs.ts";

/** Files in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Server {
  readonly name: string;
  readonly version: string;
  /** What it does for a file before it says that it has it. */
  readonly does: string;
  command(
    root: string,
    port: number,
    certificate?: Certificate,
  ): { readonly program: string; readonly args: readonly string[] };
}

const entry = fileURLToPath(new URL("../packages/cli/bin/holdfast.cjs", import.meta.url));

/** Ours first, then those that are installed. */
export function servers(): readonly Server[] {
  const own = installed(process.execPath, [entry, "--version"], (version): Server => ({
    name: "holdfast",
    version,
    does: "compares the hash, flushes file and folder, keeps a record of who stored it and when",
    command: (root, port, certificate) => ({
      program: process.execPath,
      args: [
        entry,
        "serve",
        "repository",
        root,
        "--anonymous",
        "admin",
        "--listen",
        `127.0.0.1:${port}`,
        ...given(certificate, ({ cert, key }) => ["--tls-certificate", cert, "--tls-key", key]),
      ],
    }),
  }));
  const rclone = installed("rclone", ["version"], (version): Server => ({
    name: "rclone",
    version: `${version}, serve restic`,
    does: "compares no hash, flushes nothing, keeps no record",
    command: (root, port, certificate) => ({
      program: "rclone",
      args: [
        "serve",
        "restic",
        root,
        "--addr",
        `127.0.0.1:${port}`,
        "--config",
        "/dev/null",
        ...given(certificate, ({ cert, key }) => ["--cert", cert, "--key", key]),
      ],
    }),
  }));
  const restServer = installed("rest-server", ["--version"], (version): Server => ({
    name: "rest-server",
    version,
    does: "compares the hash, flushes file and folder, keeps no record",
    command: (root, port, certificate) => ({
      program: "rest-server",
      args: [
        "--path",
        root,
        "--listen",
        `127.0.0.1:${port}`,
        "--no-auth",
        ...given(certificate, ({ cert, key }) => ["--tls", "--tls-cert", cert, "--tls-key", key]),
      ],
    }),
  }));
  return [own, rclone, restServer].filter((server) => server !== undefined);
}

function given<T>(value: T | undefined, args: (value: T) => readonly string[]): readonly string[] {
  return value === undefined ? [] : args(value);
}
