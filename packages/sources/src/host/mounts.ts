/** What is mounted where on this machine. */
import { readFile } from "node:fs/promises";

export interface Mount {
  /** Where it is mounted. */
  readonly point: string;
  readonly type: string;
  /** The device, or what the file system calls its source. */
  readonly device: string;
  /** Which folder of the file system is mounted: `/` for all of it. */
  readonly root: string;
}

/** From `/proc/self/mountinfo` (proc(5)); later ones lie over earlier ones. */
export function parseMounts(text: string): Mount[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => {
      const [head = "", tail = ""] = line.split(" - ");
      const [, , , root, point] = head.split(" ");
      const [type, device] = tail.split(" ");
      if (root === undefined || point === undefined || type === undefined || device === undefined) return [];
      return [{ point: unescape(point), type, device: unescape(device), root: unescape(root) }];
    });
}

/** The mount that a path lies in; `undefined` where the system does not tell. @param path real and absolute */
export async function mountOf(path: string): Promise<Mount | undefined> {
  const mounts = parseMounts(await readFile("/proc/self/mountinfo", "utf8").catch(() => ""));
  return mounts.reduce<Mount | undefined>((best, mount) => {
    const holds = mount.point === "/" || path === mount.point || path.startsWith(`${mount.point}/`);
    return holds && mount.point.length >= (best?.point.length ?? 0) ? mount : best;
  }, undefined);
}

/** Spaces and the like are written in octal. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
