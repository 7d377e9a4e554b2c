/** Makes way for what is restored: what is there is kept under another name. */
import { lstat, rename } from "node:fs/promises";
import { systemCode } from "@holdfast/base";

/** Whether something is there, also a symbolic link that leads nowhere. */
export async function isPresent(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => {
      if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return false;
      throw error;
    },
  );
}

/** A name beside a path that bears the time. */
export function nameAside(path: string, at = new Date()): string {
  return `${path}.before-restore-${at.toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
}

/** Renames each to a name beside it that bears the time. @returns the new names */
export async function setAside(paths: readonly string[]): Promise<string[]> {
  const at = new Date();
  const former: string[] = [];
  for (const path of paths) {
    const name = nameAside(path, at);
    await rename(path, name);
    former.push(name);
  }
  return former;
}

/** What a person is told of them. */
export function toldOf(former: readonly string[]): string[] {
  return former.map((path) => `What was there is now ${path}: remove it when nobody needs it.`);
}
