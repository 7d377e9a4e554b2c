/** Lists of patterns for names of hosts, as in ssh's files (ssh_config(5), "PATTERNS"). */

/** True when one of the patterns matches and none with `!` before it does. Case does not count. */
export function matchesPatterns(patterns: readonly string[], name: string): boolean {
  let found = false;
  for (const pattern of patterns) {
    const isNegated = pattern.startsWith("!");
    if (!matchesPattern(isNegated ? pattern.slice(1) : pattern, name)) continue;
    if (isNegated) return false;
    found = true;
  }
  return found;
}

function matchesPattern(pattern: string, name: string): boolean {
  const source = pattern.toLowerCase().replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${source.replaceAll(/\*+/g, ".*").replaceAll("?", ".")}$`).test(name.toLowerCase());
}
