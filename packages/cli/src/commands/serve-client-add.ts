/** `holdfast serve client add`: adds a client to the file of a server. */
import { isHoldfastError } from "@holdfast/base";
import {
  type Client,
  type Role,
  hashPassword,
  hashToken,
  isClientName,
  isPersonName,
  isRepositoryPattern,
  newToken,
  readClients,
  serverError,
  writeClients,
} from "@holdfast/server";
import type { CommandContext, RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { invalidValue } from "../given-options.ts";
import { newPassword } from "../password/password-source.ts";
import { clientsPath } from "../serve/clients-path.ts";
import { parseSize } from "../values/size.ts";

export const run: RunCommand = async (context) => {
  const { options, output, args } = context;
  const [name = ""] = args;
  const path = clientsPath(context);
  if (!isClientName(name)) throw invalidValue(name, "the name", "letters, digits and . _ @ -, at most 64");
  const clients = await readClients(path).catch((error: unknown) => {
    if (isHoldfastError(error, "SERVER_NO_CLIENTS")) return [];
    throw error;
  });
  if (clients.some((client) => client.name === name)) throw serverError("SERVER_CLIENT_EXISTS", { name });
  const token = options.text("new-password-file") === undefined ? newToken() : undefined;
  const secret =
    token === undefined
      ? { passwordHash: await hashPassword((await newPassword(context)).reveal()) }
      : { tokenHashes: [hashToken(token)] };
  const client: Client = { ...settingsOf(context, name), ...secret };
  await writeClients(path, [...clients, client]);
  const { role, repositories } = client;
  if (output.settings.json) output.printJson({ message_type: "client_added", name, role, repositories, token });
  else {
    output.message(`added ${name} with the role ${role} for ${repositories.join(", ")}`);
    if (token !== undefined) output.message("its token, which is shown this once, takes the place of a password:");
    if (token !== undefined) output.print(token);
  }
  return EXIT.ok;
};

function settingsOf(
  { options }: CommandContext,
  name: string,
): Pick<Client, "name" | "role" | "repositories" | "quotaBytes" | "person"> {
  const given = options.list("repository");
  const repositories = given.length > 0 ? given : [name];
  const wrong = repositories.find((text) => !isRepositoryPattern(text));
  if (wrong !== undefined) throw invalidValue(wrong, "--repository", "give names such as den, den/laptop, den/* or *");
  const quotaBytes = options.parsed("quota", "give a size such as 500g", parseSize);
  const role = (options.text("role") ?? "append-only") as Role;
  const isName = (text: string): string | undefined => (isPersonName(text) ? text : undefined);
  const person = options.parsed("person", "give a name as in the file of approvers", isName);
  return {
    name,
    role,
    repositories,
    ...(quotaBytes === undefined ? {} : { quotaBytes }),
    ...(person === undefined ? {} : { person }),
  };
}
