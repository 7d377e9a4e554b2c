/** Where captures lie in snapshots. */

/** The folder of a source's captures; the same each time, as snapshots are grouped by it. */
export function captureFolder(kind: string, name: string): string {
  return `/${kind}/${name}`;
}
