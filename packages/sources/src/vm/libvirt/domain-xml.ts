/** The definition of a domain: what is read of it, and what another copy of it needs changed. */
import { sourcesError } from "../../errors.ts";
import type { MachineShape } from "../moment.ts";
import { escapeXml } from "./virsh.ts";

export interface DomainDisk {
  /** Its target: `vda` … */
  readonly name: string;
  /** QEMU's name of its format. */
  readonly format: string;
  /** A file or a block device of this host; `undefined` for a disk that comes over a network. */
  readonly path: string | undefined;
}

export interface Domain {
  readonly name: string;
  /** Those that can be written to. */
  readonly disks: readonly DomainDisk[];
  /** Where the variables of its firmware are kept. */
  readonly variables: string | undefined;
  readonly shape: MachineShape;
}

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: (Element | string)[];
}

const UNITS: Readonly<Record<string, number>> = { b: 1, bytes: 1, KiB: 1024, k: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** @throws SOURCES_DAMAGED when it is no definition of a domain */
export async function readDomain(xml: string): Promise<Domain> {
  const root = await parse(xml);
  const devices = childOf(root, "devices");
  const os = childOf(root, "os");
  const memory = childOf(root, "memory");
  const memoryBytes = Number(textOf(memory)) * (UNITS[memory?.attributes["unit"] ?? "KiB"] ?? 1024);
  const type = childOf(os, "type")?.attributes["machine"];
  const cpus = Number(textOf(childOf(root, "vcpu")));
  const variables = textOf(childOf(os, "nvram"));
  return {
    name: textOf(childOf(root, "name")),
    disks: elementsOf(devices).filter(isWritableDisk).map(diskOf),
    variables: variables === "" ? undefined : variables,
    shape: {
      ...(memoryBytes > 0 ? { memoryBytes } : {}),
      ...(cpus > 0 ? { cpus } : {}),
      ...(type === undefined ? {} : { type }),
      uefi: childOf(os, "loader")?.attributes["type"] === "pflash" || os?.attributes["firmware"] === "efi",
    },
  };
}

export interface DomainChanges {
  readonly name: string;
  /** Where each disk is now, by its target. */
  readonly disks: ReadonlyMap<string, string>;
  readonly format: string;
  readonly variables: string | undefined;
}

/**
 * The definition for a restored copy. Under another name it gets a new identity: libvirt chooses UUID and MAC addresses, as two machines
 * with the same would be in each other's way.
 * @throws SOURCES_DAMAGED
 */
export async function changedDomain(xml: string, { name, disks, format, variables }: DomainChanges): Promise<string> {
  const root = await parse(xml);
  const isOther = textOf(childOf(root, "name")) !== name;
  const change = (element: Element, path: string): Element | undefined => {
    if (path === "/domain/name") return { ...element, children: [name] };
    if (isOther && (path === "/domain/uuid" || path === "/domain/devices/interface/mac")) return undefined;
    if (path === "/domain/os/nvram") return variables === undefined ? undefined : { ...element, children: [variables] };
    if (path !== "/domain/devices/disk" || !isWritableDisk(element)) return element;
    const place = disks.get(diskOf(element).name);
    return place === undefined ? element : placedDisk(element, place, format);
  };
  return write(root, change, "");
}

/** Its image is a file of its own, with nothing behind it. */
function placedDisk(disk: Element, path: string, format: string): Element {
  const children = disk.children
    .filter((child) => typeof child === "string" || child.name !== "backingStore")
    .map((child) => {
      if (typeof child === "string") return child;
      if (child.name === "source") return { ...child, attributes: { file: path } };
      if (child.name !== "driver") return child;
      return { ...child, attributes: { ...child.attributes, type: format } };
    });
  return { ...disk, attributes: { ...disk.attributes, type: "file" }, children };
}

function isWritableDisk(element: Element): boolean {
  const { device = "disk" } = element.attributes;
  return element.name === "disk" && device === "disk" && childOf(element, "readonly") === undefined;
}

function diskOf(disk: Element): DomainDisk {
  const source = childOf(disk, "source")?.attributes;
  return {
    name: childOf(disk, "target")?.attributes["dev"] ?? "",
    format: childOf(disk, "driver")?.attributes["type"] ?? "raw",
    path: source?.["file"] ?? source?.["dev"],
  };
}

async function parse(xml: string): Promise<Element> {
  const { default: sax } = await import("sax");
  const parser = sax.parser(true, { position: false });
  const top: Element = { name: "", attributes: {}, children: [] };
  const open = [top];
  const addText = (text: string): void => void open.at(-1)?.children.push(text);
  Object.assign(parser, {
    onopentag: ({ name, attributes }: { name: string; attributes: Record<string, string> }) => {
      const element: Element = { name, attributes, children: [] };
      open.at(-1)?.children.push(element);
      open.push(element);
    },
    onclosetag: () => void open.pop(),
    ontext: addText,
    oncdata: addText,
  });
  try {
    parser.write(xml).close();
  } catch (error) {
    throw sourcesError("SOURCES_DAMAGED", { what: "domain.xml", reason: "it is no XML" }, error);
  }
  const root = childOf(top, "domain");
  if (root !== undefined && textOf(childOf(root, "name")) !== "") return root;
  throw sourcesError("SOURCES_DAMAGED", { what: "domain.xml", reason: "it defines no domain" });
}

/** @param change what becomes of an element; `undefined` leaves it out */
function write(
  element: Element,
  change: (element: Element, path: string) => Element | undefined,
  above: string,
): string {
  const path = `${above}/${element.name}`;
  const changed = change(element, path);
  if (changed === undefined) return "";
  const attributes = Object.entries(changed.attributes).map(([name, value]) => ` ${name}="${escapeXml(value)}"`);
  const inner = changed.children.map((child) =>
    typeof child === "string" ? escapeXml(child) : write(child, change, path),
  );
  return `<${changed.name}${attributes.join("")}>${inner.join("")}</${changed.name}>`;
}

function elementsOf(element: Element | undefined): Element[] {
  return (element?.children ?? []).filter((child) => typeof child !== "string");
}

function childOf(element: Element | undefined, name: string): Element | undefined {
  return elementsOf(element).find((child) => child.name === name);
}

function textOf(element: Element | undefined): string {
  return (element?.children ?? [])
    .filter((child) => typeof child === "string")
    .join("")
    .trim();
}
