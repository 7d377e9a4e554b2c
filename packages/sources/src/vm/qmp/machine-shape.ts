/** What a running machine is made of. */
import { z } from "zod";
import type { CallOptions } from "../../contract/source.ts";
import type { Moment } from "../moment.ts";
import { type QmpConnection, QmpRefusal } from "./qmp-connection.ts";

const VERSION = z.object({ qemu: z.object({ major: z.number(), minor: z.number(), micro: z.number() }) });
const MEMORY = z.object({ "base-memory": z.number() });

/** @throws as `QmpConnection.execute`; what this QEMU cannot tell is left out */
export async function machineShape(
  qmp: QmpConnection,
  options: CallOptions,
): Promise<Pick<Moment, "machine" | "tools">> {
  const ask = async (command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> => {
    try {
      return await qmp.execute(command, args, options);
    } catch (error) {
      if (error instanceof QmpRefusal) return undefined;
      throw error;
    }
  };
  const version = VERSION.safeParse(await ask("query-version")).data?.qemu;
  const memory = MEMORY.safeParse(await ask("query-memory-size-summary")).data;
  const cpus = await ask("query-cpus-fast");
  const type = await ask("qom-get", { path: "/machine", property: "type" });
  return {
    tools: version === undefined ? {} : { qemu: `${version.major}.${version.minor}.${version.micro}` },
    machine: {
      ...(memory === undefined ? {} : { memoryBytes: memory["base-memory"] }),
      ...(Array.isArray(cpus) && cpus.length > 0 ? { cpus: cpus.length } : {}),
      // As in `-machine`: QEMU's types end so.
      ...(typeof type === "string" ? { type: type.replace(/-machine$/, "") } : {}),
    },
  };
}
