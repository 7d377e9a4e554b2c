/** Who makes a key, and where: noted in its file. */
import { hostname, userInfo } from "node:os";
import type { GivenOptions } from "../given-options.ts";

/** From --host and --user, else this machine and this user. */
export function keyOrigin(options: GivenOptions): { readonly hostname: string; readonly username: string } {
  return { hostname: options.text("host") ?? hostname(), username: options.text("user") ?? currentUser() };
}

/** The user's name; the number of one that has no name (as in containers). */
export function currentUser(): string {
  try {
    return userInfo().username;
  } catch (error) {
    if (!(error instanceof Error && error.name === "SystemError")) throw error;
    return String(process.getuid?.() ?? "");
  }
}
