/** Text of SQL that we write ourselves, and what the client prints in its batch mode. */

/** A string literal, for sessions whose sql_mode has no NO_BACKSLASH_ESCAPES. */
export function literal(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

export function identifier(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

/** The opposite of `identifier`, without the backticks around it. */
export function unquoted(quoted: string): string {
  return quoted.replaceAll("``", "`");
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", "0": "\0", "\\": "\\" };

/** Rows of the client's batch mode. It prints NULL as those four letters, like the text NULL. */
export function parseBatch(text: string): string[][] {
  const lines = text.split("\n");
  lines.pop();
  return lines.map((line) =>
    line.split("\t").map((field) => field.replaceAll(/\\([nt0\\])/g, (_, letter: string) => ESCAPES[letter] ?? letter)),
  );
}

/** A line `name="value"` of an option file; the clients' parser takes the backslashes away again. */
export function optionLine(name: string, value: string): string {
  const escaped = value
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `${name}="${escaped}"\n`;
}
