/** Virtual machines: those that run, those that libvirt knows, and disk images of neither. */
import { basename, resolve } from "node:path";
import type { Finding } from "../candidate.ts";
import type { HostView } from "../host/host-view.ts";
import type { HostProcess } from "../host/processes.ts";
import { argument, tool } from "./servers.ts";

const QEMU = /^qemu-(system-\w+|kvm)$|^kvm$/;

/** A disk belongs to the first machine that has it. */
export function findMachines(view: HostView): Finding[] {
  const defined = [...view.texts]
    .filter(([path]) => /^\/etc\/libvirt\/qemu\/[^/]+\.xml$/.test(path))
    .map(([path, xml]) => ofLibvirt(view, path, xml));
  const known = new Set(defined.map(({ id }) => id));
  const running = view.processes
    .filter(({ names }) => names.some((name) => QEMU.test(name)))
    .map((process) => ofProcess(view, process))
    .filter(({ id }) => !known.has(id));
  const used = new Set([...defined, ...running].flatMap(({ paths }) => paths));
  return [...defined, ...running, ...images(view, used)];
}

function ofLibvirt(view: HostView, path: string, xml: string): Finding {
  const name = unescaped(/<name>([^<]+)<\/name>/.exec(xml)?.[1] ?? basename(path, ".xml"));
  const sources = [...xml.matchAll(/<source\s[^>]*?(?:file|dev)=(?:'([^']+)'|"([^"]+)")/g)];
  const disks = sources.map(([, single, double]) => unescaped(single ?? double ?? ""));
  const isRunning = view.processes.some(({ args }) => nameOf(args) === name);
  return {
    ...machine(view, name, disks),
    evidence: `libvirt knows it: ${path}${isRunning ? ", and it runs" : ""}`,
    // Whoever sees no processes cannot tell.
    ...(isRunning || view.processes.length === 0 ? {} : { isAtRest: true }),
    needs: [tool(view, "virsh"), { what: "rights", detail: "root, or the group libvirt" }],
    settings: { libvirt: name },
  };
}

function ofProcess(view: HostView, { pid, args, program, folder }: HostProcess): Finding {
  const disks = disksOf(args, folder);
  // The number of a process is another one next time.
  const name = nameOf(args) ?? disks[0] ?? program;
  const isManaged = args.some((word) => word.includes("/var/lib/libvirt/") || word.startsWith("guest="));
  const qmp = monitorOf(args);
  return {
    ...machine(view, name, disks),
    evidence: `process ${pid} (${program}) runs it`,
    needs: [
      tool(view, isManaged ? "virsh" : "qemu-img"),
      ...(qmp === undefined && !isManaged
        ? [{ what: "preparation" as const, detail: "a QMP socket: start it with -qmp unix:/PATH,server=on,wait=off" }]
        : []),
      { what: "rights", detail: "root, or the user that runs it" },
    ],
    settings: isManaged ? { libvirt: name } : qmp === undefined ? {} : { qmp },
  };
}

function nameOf(args: readonly string[]): string | undefined {
  return /^(?:guest=)?([^,]+)/.exec(argument(args, "-name") ?? "")?.[1];
}

/** The socket of QMP: of `-qmp`, or of the character device that `-mon` uses for control. */
function monitorOf(args: readonly string[]): string | undefined {
  const direct = /^unix:([^,]+)/.exec(argument(args, "-qmp") ?? "")?.[1];
  if (direct !== undefined) return direct;
  const control = args.find((word, at) => args[at - 1] === "-mon" && word.includes("mode=control"));
  const id = /(?:^|,)chardev=([^,]+)/.exec(control ?? "")?.[1];
  const device = args.find((word, at) => args[at - 1] === "-chardev" && word.includes(`id=${id}`));
  return id === undefined ? undefined : /(?:^|,)path=([^,]+)/.exec(device ?? "")?.[1];
}

/** The few entities that a definition may have. */
function unescaped(xml: string): string {
  return xml
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
}

function machine(
  view: HostView,
  name: string,
  disks: readonly string[],
): Pick<
  Finding,
  "id" | "category" | "kind" | "title" | "paths" | "confidence" | "criticality" | "reason" | "sizeBytes"
> {
  const sizes = view.marks
    .filter(({ what, path }) => what === "disk-image" && disks.includes(path))
    .map(({ sizeBytes }) => sizeBytes);
  return {
    id: `vm:${name}`,
    category: "virtual machine",
    kind: "vm",
    title: name,
    paths: disks.filter((disk) => !disk.startsWith("/dev/") && !disk.endsWith(".iso")),
    confidence: "certain",
    criticality: "critical",
    reason: "a whole machine; its disks change while they are read",
    ...(sizes.length === 0 ? {} : { sizeBytes: sizes.reduce((sum, size) => sum + size, 0) }),
  };
}

/** @param folder that the process works in: some name their disks from there */
function disksOf(args: readonly string[], folder: string | undefined): string[] {
  const found = args.flatMap((word, at) => {
    if (args[at - 1] === "-drive") return /(?:^|,)file=([^,]+)/.exec(word)?.[1] ?? [];
    if (args[at - 1] === "-blockdev")
      return /"filename":\s*"([^"]+)"/.exec(word)?.[1] ?? /(?:^|,)(?:file\.)?filename=([^,]+)/.exec(word)?.[1] ?? [];
    return /^-(hd[a-d]|drive-file)$/.test(args[at - 1] ?? "") ? word : [];
  });
  const paths = found.map((path) => (folder === undefined ? path : resolve(folder, path)));
  return [...new Set(paths)].filter((path) => path.startsWith("/"));
}

function images(view: HostView, used: ReadonlySet<string>): Finding[] {
  return view.marks
    .filter(({ what, path }) => what === "disk-image" && !used.has(path))
    .map(({ path, detail, sizeBytes }): Finding => ({
      id: `files:${path}`,
      category: "virtual machine",
      kind: "files",
      title: `disk image (${detail})`,
      paths: [path],
      sizeBytes,
      confidence: detail === "raw" ? "possible" : "likely",
      evidence: detail === "raw" ? "its name" : `begins as ${detail} images do; no machine here is known to use it`,
      criticality: "normal",
      reason: "may be a machine that does not run, or a download that can be had again",
      settings: { paths: [path] },
    }));
}
