import { describe, expect, test } from "vitest";
import { readXmlEntries } from "./xml-entries.ts";

async function read(text: string, size = 11): Promise<unknown[]> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const bytes = Buffer.from(text);
    for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size);
  }
  const found = await Array.fromAsync(readXmlEntries(chunks(), new Set(["response", "next"]), "l"));
  return found.map(({ element, text: own, fields }) => [element, own, Object.fromEntries(fields)]);
}

describe("XML", () => {
  test("gives its entries, whatever the prefixes are and however it is cut", async () => {
    const text = `<?xml version="1.0"?><D:multistatus xmlns:D="DAV:"><D:response><D:href>/ü%20&amp;</D:href><D:propstat>
      <D:prop><x:size xmlns:x="DAV:">12</x:size><D:kind><D:collection/></D:kind></D:prop></D:propstat>
      <D:propstat><D:prop><D:size/><D:other>no</D:other></D:prop></D:propstat></D:response>
      <next>abc</next><D:response><D:href><![CDATA[/b]]></D:href></D:response></D:multistatus>`;
    for (const size of [1, 5, 1000]) {
      expect(await read(text, size)).toEqual([
        [
          "response",
          "",
          {
            href: "/ü%20&",
            propstat: "",
            "propstat/prop": "",
            "propstat/prop/size": "12",
            "propstat/prop/kind": "",
            "propstat/prop/kind/collection": "",
            "propstat/prop/other": "no",
          },
        ],
        ["next", "abc", {}],
        ["response", "", { href: "/b" }],
      ]);
    }
  });

  test.each([
    "",
    "<html><p></html>",
    "<a><response><href>x</href></response>",
    "no",
    `<!DOCTYPE a [<!ENTITY x "y">]><a><response><href>&x;</href></response></a>`,
  ])("that is none, or not all of it, or has entities of its own, is an error: %s", async (text) => {
    await expect(read(text)).rejects.toMatchObject({ code: "STORAGE_FAILED" });
  });

  test("with an entry without end takes no memory without end", async () => {
    await expect(read(`<a><response>${"<href>x</href>".repeat(300_000)}`, 65_536)).rejects.toMatchObject({
      code: "STORAGE_FAILED",
    });
  });
});
