/** LDIF as OpenLDAP's tools write it (RFC 2849): entries between empty lines, long lines folded, odd values in base64. */

export interface LdifLine {
  readonly name: string;
  readonly value: string;
}

export interface LdifEntry {
  readonly dn: string;
  /** Without the name of the entry. */
  readonly lines: readonly LdifLine[];
}

export function parseLdif(text: string): LdifEntry[] {
  return text
    .replaceAll(/\r?\n /g, "")
    .split(/\n\n+/)
    .map((block) => block.split("\n").filter((line) => line !== "" && !line.startsWith("#")))
    .filter((lines) => lines.length > 0)
    .map((lines) => {
      const [first, ...others] = lines.map(parseLine);
      return { dn: first?.value ?? "", lines: others };
    });
}

/** Every value in base64, so that none can be mistaken for something else. */
export function writeLdif(entries: readonly LdifEntry[]): string {
  const line = ({ name, value }: LdifLine): string => `${name}:: ${Buffer.from(value, "latin1").toString("base64")}`;
  return entries
    .map(({ dn, lines }) => [{ name: "dn", value: dn }, ...lines].map(line).join("\n"))
    .map((block) => `${block}\n\n`)
    .join("");
}

export function valuesOf({ lines }: LdifEntry, name: string): string[] {
  return lines.filter((line) => isNamed(line, name)).map(({ value }) => value);
}

/** Names of attributes make no difference between small and large letters. */
export function isNamed(line: LdifLine, name: string): boolean {
  return line.name.toLowerCase() === name.toLowerCase();
}

/** For comparing: without spaces after commas, in small letters. */
export function sameName(dn: string): string {
  return dn.replaceAll(/\s*([,=+])\s*/g, "$1").toLowerCase();
}

/** Bytes are kept as they are: a letter each. */
function parseLine(line: string): LdifLine {
  const colon = line.indexOf(":");
  const name = line.slice(0, colon);
  const isEncoded = line[colon + 1] === ":";
  const rest = line.slice(colon + (isEncoded ? 2 : 1)).trimStart();
  return { name, value: Buffer.from(rest, isEncoded ? "base64" : "utf8").toString("latin1") };
}
