/** Looks into the JSON of a stored node without parsing it as a whole. */
import { parseId } from "../format/id.ts";

const CONTENT = '"content":';
const ATTRIBUTES = '"extended_attributes":[';

/**
 * Where the content stands in a node whose head, all before extended attributes and content, ends at `headLength`; -1 when
 * anything else follows the head.
 */
export function contentPlace(json: string, headLength: number): number {
  if (json.startsWith(CONTENT, headLength)) return headLength;
  // No text within JSON can hold this: quotes are escaped there.
  const end = json.startsWith(ATTRIBUTES, headLength) ? json.indexOf(`],${CONTENT}`, headLength) : -1;
  return end < 0 ? -1 : end + 2;
}

/** The ids in the `"content":[…]` that starts at `at` of a stored node. */
export function contentIds(json: string, at: number): string[] {
  const open = json.indexOf("[", at);
  const close = json.indexOf("]", at);
  if (open < 0 || close < open) return [];
  const ids: string[] = [];
  for (let start = open + 2; start + 64 <= close; start += 67) ids.push(parseId(json.slice(start, start + 64)));
  return ids;
}
