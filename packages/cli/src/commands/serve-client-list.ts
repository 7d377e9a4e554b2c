/** `holdfast serve client list`: lists the clients of a server. */
import { readClients } from "@holdfast/server";
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes, plural } from "../output/units.ts";
import { clientsPath } from "../serve/clients-path.ts";

const COLUMNS = [
  { heading: "Name" },
  { heading: "Role" },
  { heading: "Repositories", shrinks: true },
  { heading: "Quota", align: "right" },
  { heading: "Signs in with" },
] as const;

export const run: RunCommand = async (context) => {
  const { output } = context;
  const clients = await readClients(clientsPath(context));
  const rows = clients.map(({ name, role, repositories, quotaBytes, passwordHash, tokenHashes = [], person }) => ({
    name,
    role,
    repositories,
    quota_bytes: quotaBytes,
    has_password: passwordHash !== undefined,
    tokens: tokenHashes.length,
    person,
  }));
  if (output.settings.json) {
    output.printJson(rows);
    return EXIT.ok;
  }
  const cells = rows.map((row) => [
    row.name,
    row.role,
    row.repositories.join(", "),
    row.quota_bytes === undefined ? "" : formatBytes(row.quota_bytes),
    [...(row.has_password ? ["a password"] : []), ...(row.tokens > 0 ? [plural(row.tokens, "token")] : [])].join(", "),
  ]);
  for (const line of formatTable(COLUMNS, cells, { foot: plural(rows.length, "client"), width: output.width })) {
    output.print(line);
  }
  return EXIT.ok;
};
