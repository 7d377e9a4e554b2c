/** `holdfast serve client remove`: takes a client out of the file of a server. */
import { readClients, serverError, writeClients } from "@holdfast/server";
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { clientsPath } from "../serve/clients-path.ts";

export const run: RunCommand = async (context) => {
  const { output, args } = context;
  const [name = ""] = args;
  const path = clientsPath(context);
  const clients = await readClients(path);
  const left = clients.filter((client) => client.name !== name);
  if (left.length === clients.length) throw serverError("SERVER_CLIENT_UNKNOWN", { name });
  await writeClients(path, left);
  if (output.settings.json) output.printJson({ message_type: "client_removed", name });
  else output.message(`removed ${name}`);
  return EXIT.ok;
};
