/** Remotes of rclone: a local one. */
import { execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isHoldfastError } from "@holdfast/base";
import { describe, expect, test } from "vitest";
import type { Backend } from "../backend.ts";
import { NO_SURROUNDINGS, type Surroundings, openBackend } from "../location.ts";
import { backendConformance } from "../testing/conformance.ts";
import { hasProgram } from "../testing/server-program.ts";

const signal = new AbortController().signal;

function surroundings(options: Readonly<Record<string, string>> = {}): Surroundings {
  const environment = {
    PATH: process.env["PATH"],
    HOME: process.env["HOME"],
    RCLONE_CONFIG: "/dev/null",
    RESTIC_PASSWORD: "x",
  };
  return { ...NO_SURROUNDINGS, environment, option: (name) => options[name] };
}

describe("an address of rclone", () => {
  test.each(["rclone:", "rclone:remote", "rclone:-v:x", "rclone:a\0:b"])("'%s' is refused", async (text) => {
    await expect(openBackend(text)).rejects.toMatchObject({ code: "STORAGE_INVALID_LOCATION" });
  });

  test("without the program says how to get it", async () => {
    const opened = openBackend("rclone:remote:x", surroundings({ "rclone.program": "/nowhere/rclone" }));
    await expect(opened).rejects.toMatchObject({ code: "STORAGE_PROGRAM", transient: false });
  });
});

describe.skipIf(!hasProgram("rclone"))("with rclone", () => {
  backendConformance("RcloneBackend", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-rclone-"));
    return {
      backend: await openBackend(`rclone::local:${folder}/repo`, surroundings()),
      clearsUpLate: true,
      async plantForeign(path) {
        if (/^data\/.*\/?[0-9a-f]{64}$/.test(path)) return;
        const full = join(folder, "repo", path);
        await mkdir(dirname(full), { recursive: true });
        await writeFile(full, "foreign");
      },
      dispose: () => rm(folder, { recursive: true }),
    };
  });

  test("a remote that it does not know is an error with what rclone says, and without parameters", async () => {
    const error = await openBackend("rclone:nosuch,pass=geheim:x", surroundings()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "STORAGE_PROGRAM", transient: false });
    expect(JSON.stringify(error)).not.toContain("geheim");
    expect(JSON.stringify(error)).toContain("didn't find section");
  });

  test("nobody gets in without its password, which is not in the list of processes", async () => {
    await withLocal(async (backend, pid) => {
      await backend.initialize({ signal });
      const status = await readFile(`/proc/${pid}/cmdline`, "utf8");
      expect(status).toContain("127.0.0.1:0");
      const environment = await readFile(`/proc/${pid}/environ`, "utf8");
      const password = /RCLONE_PASS=([^\0]+)/.exec(environment)?.[1];
      expect(password?.length).toBe(32);
      expect(status).not.toContain(password);
      expect(environment).not.toContain("RESTIC_PASSWORD");
      const answer = await fetch(`http://127.0.0.1:${portOf(pid)}/config`);
      expect(answer.status).toBe(401);
    });
  });

  test("that was ended by somebody is no reason to wait", async () => {
    await withLocal(async (backend, pid) => {
      await backend.initialize({ signal });
      process.kill(pid, "SIGKILL");
      const code = async (): Promise<unknown> => {
        const error: unknown = await backend
          .stat({ type: "config", name: "" }, { signal })
          .catch((thrown: unknown) => thrown);
        return isHoldfastError(error) && !error.transient && error.code;
      };
      await expect.poll(code).toBe("STORAGE_PROGRAM");
    });
  });

  test("ends when the backend is closed", async () => {
    const pid = await withLocal(async (backend, id) => (await backend.initialize({ signal }), id));
    expect(isRunning(pid)).toBe(false);
  });

  test.skipIf(process.platform !== "linux" || !hasProgram("setpriv"))("ends when this program is killed", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-rclone-"));
    const code = `const { openBackend, NO_SURROUNDINGS } = await import(${JSON.stringify(join(import.meta.dirname, "../index.ts"))});
      await openBackend(${JSON.stringify(`rclone::local:${folder}`)}, { ...NO_SURROUNDINGS, environment: process.env });
      console.log("open");`;
    const victim = spawn(process.execPath, ["--input-type=module", "-e", code], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await new Promise((resolve) => victim.stdout.once("data", resolve));
    const pid = childOf(victim.pid ?? 0);
    victim.kill("SIGKILL");
    await expect.poll(() => isRunning(pid), { timeout: 5000 }).toBe(false);
    await rm(folder, { recursive: true });
  });
});

async function withLocal<T>(use: (backend: Backend, pid: number) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-rclone-"));
  const before = new Set(childrenOf(process.pid));
  const backend = await openBackend(`rclone::local:${folder}/repo`, surroundings());
  try {
    const pid = childrenOf(process.pid).find((id) => !before.has(id)) ?? 0;
    return await use(backend, pid);
  } finally {
    await backend.close();
    await rm(folder, { recursive: true });
  }
}

function childrenOf(pid: number): number[] {
  const text = execFileSync("ps", ["-o", "pid=,comm=", "--ppid", String(pid)], { encoding: "utf8" });
  return text
    .split("\n")
    .filter((line) => line.includes("rclone"))
    .map((line) => Number.parseInt(line, 10));
}

function childOf(pid: number): number {
  return childrenOf(pid)[0] ?? 0;
}

function portOf(pid: number): string {
  const text = execFileSync("ss", ["-Hltnp"], { encoding: "utf8" });
  return new RegExp(`127\\.0\\.0\\.1:(\\d+).*pid=${pid},`).exec(text)?.[1] ?? "";
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
