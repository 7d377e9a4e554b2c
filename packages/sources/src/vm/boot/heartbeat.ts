/** By what a started machine is seen to work. */
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallOptions } from "../../contract/source.ts";
import { GuestAgent } from "../agent/guest-agent.ts";
import type { QmpConnection } from "../qmp/qmp-connection.ts";
import type { PortSettings } from "../settings.ts";

const PAUSE_MS = 200;
/** How long an agent, or a server in the guest, may take for an answer before it is asked again. */
const ANSWER_MS = 3000;
const KEPT_CHARS = 64 * 1024;

/** Waits until the guest agent answers. @throws the signal's reason */
export async function agentAnswers(path: string, { signal }: CallOptions): Promise<string> {
  return untilSo(async () => {
    const agent = await GuestAgent.open(path, ANSWER_MS, { signal });
    try {
      await agent.execute("guest-ping", ANSWER_MS, { signal });
      return "it answers";
    } finally {
      agent.close();
    }
  }, signal);
}

/**
 * Waits until the guest says something at a port. That a connection comes about says nothing: QEMU accepts it itself, before the guest
 * has answered.
 * @throws the signal's reason
 */
export async function portAnswers(qmp: QmpConnection, port: PortSettings, { signal }: CallOptions): Promise<string> {
  const local = await forwardedPort(qmp, port.number, { signal });
  return untilSo(() => answerOf(local, port, signal), signal);
}

/** Which port of this host QEMU has chosen. @throws Error when it has forwarded none */
async function forwardedPort(qmp: QmpConnection, guestPort: number, options: CallOptions): Promise<number> {
  const shown = await qmp.execute("human-monitor-command", { "command-line": "info usernet" }, options);
  for (const line of String(shown).split("\n")) {
    const [, local, guest] = /HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)/.exec(line) ?? [];
    if (local !== undefined && Number(guest) === guestPort) return Number(local);
  }
  throw new Error("QEMU does not say which port it has forwarded");
}

async function answerOf(local: number, { send, expect }: PortSettings, signal: AbortSignal): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port: local });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  const onAbort = (): void => void socket.destroy(new Error("there was no answer"));
  limit.addEventListener("abort", onAbort, { once: true });
  try {
    await once(socket, "connect");
    if (send !== undefined) socket.write(send);
    let said = "";
    for await (const part of socket.setEncoding("utf8") as AsyncIterable<string>) {
      said = (said + part).slice(-KEPT_CHARS);
      if (expect === undefined || expect.test(said))
        return said
          .replaceAll(/\p{C}+/gu, " ")
          .trim()
          .slice(0, 200);
    }
    throw new Error("it closed the connection");
  } finally {
    limit.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}

async function untilSo<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch {
      signal.throwIfAborted();
      await sleep(PAUSE_MS, undefined, { signal });
    }
  }
}
