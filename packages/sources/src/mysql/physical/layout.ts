/** How the files of a physical capture are laid out. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** What a server must be told of the files of InnoDB, as arguments; mariadb-backup has noted it. Nothing else of that file counts. */
export async function layoutOf(data: string): Promise<string[]> {
  const text = await readFile(join(data, "backup-my.cnf"), "utf8").catch(() => "");
  return [...text.matchAll(/^(innodb_data_file_path|innodb_undo_tablespaces)=([\w:;./-]+)$/gm)].map(
    ([, name, value]) => `--${name}=${value}`,
  );
}
