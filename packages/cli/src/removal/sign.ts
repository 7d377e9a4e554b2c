/** Signs what is decided about a plan, with an SSH key: in a file, in the agent, or on a security key. */
import { spawn } from "node:child_process";
import { messageOf, systemCode } from "@holdfast/base";
import { PLAN_NAMESPACE, planStatement } from "@holdfast/storage";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";

const MAX_SIGNATURE_BYTES = 64 * 1024;

/**
 * Runs `ssh-keygen -Y sign`, which asks for a passphrase or a touch by itself.
 * @param key a file with a private key, or with the public one of a key that the agent has
 * @throws CLI_SIGN_FAILED; on abort the signal's reason
 */
export async function signDecision(
  { signal, variables }: Pick<CommandContext, "signal" | "variables">,
  decision: "approve" | "cancel",
  { hash, key }: { readonly hash: string; readonly key: string },
): Promise<string> {
  signal.throwIfAborted();
  const own = /^(HOLDFAST_|RESTIC_)/;
  const env = Object.fromEntries(Object.entries(variables.forPrograms).filter(([name]) => !own.test(name)));
  const args = ["-q", "-Y", "sign", "-f", key, "-n", PLAN_NAMESPACE];
  const child = spawn("ssh-keygen", args, { env, stdio: ["pipe", "pipe", "inherit"], signal });
  // It may end before it has read anything.
  child.stdin.on("error", () => {});
  child.stdin.end(planStatement(decision, hash));
  let signature = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (signature.length < MAX_SIGNATURE_BYTES) signature += text;
  });
  const failure = await new Promise<string | undefined>((resolve) => {
    child.on("error", (error) =>
      resolve(systemCode(error) === "ENOENT" ? "ssh-keygen is not installed" : messageOf(error)),
    );
    child.on("close", (code) => resolve(code === 0 ? undefined : `ssh-keygen ended with code ${code}`));
  });
  signal.throwIfAborted();
  if (failure !== undefined) throw cliError("CLI_SIGN_FAILED", { key, reason: failure });
  return signature;
}
