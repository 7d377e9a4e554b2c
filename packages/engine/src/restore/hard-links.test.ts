import { expect, test } from "vitest";
import { FolderState } from "./folder-state.ts";
import { HardLinks, type LinkName } from "./hard-links.ts";

const ref = { id: 1, path: "", fresh: true };
const folder = new FolderState({ ref, parent: undefined, node: undefined, tree: undefined, selected: true });
const name = (text: string): LinkName => ({ folder, file: { name: text, key: "1:2", node: "" } });

test("the first name is restored, the others wait for it and are linked to it", () => {
  const links = new HardLinks();
  const [a, b, c] = [name("a"), name("b"), name("c")];
  expect(links.add(a)).toEqual({ kind: "restore" });
  expect(links.add(b)).toEqual({ kind: "wait" });
  expect(links.ready("1:2", true)).toEqual({ links: [{ name: b, to: a }], restore: undefined });
  expect(links.add(c)).toEqual({ kind: "link", to: a });
});

test("when the first name fails, the next is restored in its place", () => {
  const links = new HardLinks();
  const [a, b, c] = [name("a"), name("b"), name("c")];
  for (const each of [a, b, c]) links.add(each);
  expect(links.ready("1:2", false)).toEqual({ links: [], restore: b });
  expect(links.ready("1:2", true)).toEqual({ links: [{ name: c, to: b }], restore: undefined });
});

test("after the last name failed, a new one starts again", () => {
  const links = new HardLinks();
  links.add(name("a"));
  expect(links.ready("1:2", false)).toEqual({ links: [], restore: undefined });
  expect(links.add(name("b"))).toEqual({ kind: "restore" });
});
