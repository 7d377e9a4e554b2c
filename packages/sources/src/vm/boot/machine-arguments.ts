/** QEMU's command line for a restored machine: no network that leads anywhere, nothing of the host but its own files. */
import type { ProofSettings } from "../settings.ts";
import type { MachineShape } from "../moment.ts";

const MIB = 1024 * 1024;
const USUAL_MEMORY_BYTES = 1024 * MIB;
const MOST_MEMORY_BYTES = 2048 * MIB;

export interface BootDisk {
  readonly name: string;
  /** A qcow2 overlay. */
  readonly path: string;
}

export interface MachinePlan {
  readonly proof: ProofSettings;
  readonly shape: MachineShape;
  readonly accelerator: "kvm" | "tcg";
  readonly disks: readonly BootDisk[];
  /** Copies of the variables of a UEFI firmware, where it has some. */
  readonly variables: string | undefined;
  readonly sockets: { readonly qmp: string; readonly console: string; readonly agent: string };
}

/** QEMU splits its options at commas; two of them mean one. */
const quoted = (path: string): string => path.replaceAll(",", ",,");

export function machineArguments({ proof, shape, accelerator, disks, variables, sockets }: MachinePlan): string[] {
  const memory = proof.memory ?? Math.min(shape.memoryBytes ?? USUAL_MEMORY_BYTES, MOST_MEMORY_BYTES);
  return [
    "-nodefaults",
    "-no-user-config",
    "-display",
    "none",
    "-no-reboot",
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    "-machine",
    `${machineType(proof, shape)},accel=${accelerator}`,
    "-cpu",
    accelerator === "kvm" ? "host" : "max",
    "-smp",
    String(proof.cpus),
    "-m",
    `${Math.max(1, Math.ceil(memory / MIB))}M`,
    "-device",
    "VGA",
    "-device",
    "virtio-rng-pci",
    "-qmp",
    `unix:${quoted(sockets.qmp)},server=on,wait=off`,
    "-chardev",
    `socket,id=console,path=${quoted(sockets.console)}`,
    "-serial",
    "chardev:console",
    ...agentArguments(proof, sockets.agent),
    ...portArguments(proof),
    ...firmwareArguments(proof, variables),
    ...busArguments(proof),
    ...disks.flatMap((disk, n) => diskArguments(proof, disk, n)),
  ];
}

/** A version of a type may be one that this QEMU does not have; its family is what the guest was made for. */
function machineType({ machine }: ProofSettings, { type = "q35" }: MachineShape): string {
  if (machine !== undefined) return machine;
  if (type.includes("q35")) return "q35";
  return /^pc(-|$)/.test(type) ? "pc" : type;
}

function agentArguments({ agent }: ProofSettings, path: string): string[] {
  if (agent === undefined) return [];
  const port = "virtserialport,chardev=agent,name=org.qemu.guest_agent.0";
  return [
    "-chardev",
    `socket,id=agent,path=${quoted(path)},server=on,wait=off`,
    "-device",
    "virtio-serial",
    "-device",
    port,
  ];
}

/** `restrict` lets nothing out, neither to this host nor beyond; only what connects to the forwarded port gets in. */
function portArguments({ port }: ProofSettings): string[] {
  if (port === undefined) return ["-nic", "none"];
  const forward = `hostfwd=tcp:127.0.0.1:0-:${port.number}`;
  return ["-netdev", `user,id=net,restrict=on,${forward}`, "-device", "virtio-net-pci,netdev=net"];
}

function firmwareArguments({ firmware }: ProofSettings, variables: string | undefined): string[] {
  if (firmware === undefined) return [];
  const code = ["-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${quoted(firmware)}`];
  return variables === undefined ? code : [...code, "-drive", `if=pflash,format=raw,unit=1,file=${quoted(variables)}`];
}

function busArguments({ bus }: ProofSettings): string[] {
  if (bus === "scsi") return ["-device", "virtio-scsi-pci,id=bus"];
  return bus === "sata" ? ["-device", "ich9-ahci,id=bus"] : [];
}

function diskArguments({ bus }: ProofSettings, { path }: BootDisk, n: number): string[] {
  const device = {
    virtio: `virtio-blk-pci,drive=disk${n}`,
    scsi: `scsi-hd,bus=bus.0,drive=disk${n}`,
    sata: `ide-hd,bus=bus.${n},drive=disk${n}`,
    ide: `ide-hd,drive=disk${n}`,
  }[bus];
  return [
    "-blockdev",
    JSON.stringify({ driver: "qcow2", "node-name": `disk${n}`, file: { driver: "file", filename: path } }),
    "-device",
    `${device},bootindex=${n}`,
  ];
}
