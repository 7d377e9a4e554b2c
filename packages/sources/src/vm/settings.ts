/** What the configuration says of a source of kind `vm`. */
import { basename } from "node:path";
import { z } from "zod";
import { absolutePath, duration, size } from "../contract/setting-types.ts";

const FORMATS = ["qcow2", "raw", "vmdk", "vdi", "vhdx", "qed"] as const;

/** The format of an image is never guessed from what is in it: a guest writes what it likes into a raw one. */
const image = z
  .union([
    absolutePath.transform((path) => ({ path })),
    z.strictObject({
      path: absolutePath,
      name: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/, "give a name of letters, digits, dots and dashes")
        .optional(),
      format: z.enum(FORMATS).optional(),
    }),
  ])
  .transform((given: { path: string; name?: string | undefined; format?: string | undefined }, context) => {
    const ending = given.path.slice(given.path.lastIndexOf(".") + 1);
    const format = given.format ?? (ending === "img" ? "raw" : FORMATS.find((each) => each === ending));
    if (format === undefined) context.addIssue(`say the format of ${given.path}: it does not show in the name`);
    return { path: given.path, name: given.name ?? basename(given.path, `.${ending}`), format: format ?? "raw" };
  });

const expression = z
  .string()
  .min(1)
  .transform((text, context) => {
    try {
      const made = new RegExp(text, "m");
      if (made.test(""))
        context.addIssue("it matches where nothing is said: give one that only a machine that works shows");
      return made;
    } catch {
      context.addIssue("give a regular expression of JavaScript");
      return z.NEVER;
    }
  });

const port = z.strictObject({
  number: z.int().min(1).max(65_535),
  send: z.string().optional().describe("Sent once it is connected, for servers that wait for a question."),
  expect: expression.optional().describe("What it must answer. Default: anything."),
});

const proof = z
  .strictObject({
    agent: z.literal(true).optional().describe("The guest agent answers."),
    console: expression.optional().describe("The serial console shows this regular expression."),
    port: z
      .union([
        port,
        z
          .int()
          .min(1)
          .max(65_535)
          .transform((number) => ({ number, send: undefined, expect: undefined })),
      ])
      .optional()
      .describe("A server in the guest answers at this TCP port."),
    "boot-time-limit": duration.default(300_000).describe("How long it may take to all of these."),
    memory: size.optional().describe("Default: what the machine had, at most 2 GiB."),
    cpus: z.int().min(1).max(64).default(1),
    machine: z
      .string()
      .regex(/^[A-Za-z0-9._=,-]+$/)
      .optional()
      .describe("QEMU's machine type. Default: that of the machine."),
    firmware: absolutePath
      .optional()
      .describe("The UEFI firmware, such as /usr/share/OVMF/OVMF_CODE.fd. Default: a BIOS."),
    bus: z.enum(["virtio", "scsi", "sata", "ide"]).default("virtio").describe("What the disks are connected to."),
    accelerator: z
      .enum(["auto", "kvm", "tcg"])
      .default("auto")
      .describe("auto: KVM for half of the time, then QEMU's own emulation."),
    program: z.string().default("qemu-system-x86_64"),
  })
  .prefault({})
  .describe("How a restored copy is started, and by what it is seen to work.");

export const vmSettings = z
  .strictObject({
    qmp: absolutePath.optional().describe("The socket of the monitor (QMP) of the machine's QEMU."),
    libvirt: z
      .string()
      .regex(/^[^-/\s][^/\s]*$/, "give the name of a domain")
      .optional()
      .describe("A domain of libvirt."),
    uri: z.string().default("qemu:///system").describe("Where that libvirt is."),
    disks: z.array(image).min(1).optional().describe("Images that are read while no QEMU runs on them."),
    agent: z
      .union([absolutePath, z.literal("none")])
      .optional()
      .describe("The socket of the guest agent; none: the machine has no agent, and that is meant."),
    "exclude-disks": z.array(z.string()).default([]).describe("Disks that are not captured, by their names."),
    scratch: absolutePath
      .optional()
      .describe("A folder, writable for QEMU, for what the guest overwrites during a capture."),
    "freeze-time-limit": duration
      .default(30_000)
      .describe("How long the guest agent, or a tool that is started, may take for an answer."),
    proof,
  })
  .refine(({ qmp, disks, libvirt }) => (libvirt === undefined) === (qmp !== undefined || disks !== undefined), {
    error: "name the machine: by `qmp`, `disks` (or both of them), or by `libvirt`",
  })
  .refine(({ disks = [] }) => new Set(disks.map(({ name }) => name)).size === disks.length, {
    error: "two disks have the same name: give each a name",
    path: ["disks"],
  });

export type VmSettings = z.infer<typeof vmSettings>;
export type ProofSettings = VmSettings["proof"];
export type ImageSettings = NonNullable<VmSettings["disks"]>[number];
export type PortSettings = NonNullable<ProofSettings["port"]>;

/** What a restore of images may set. */
export const imagesRestore = z.strictObject({ format: z.enum(["raw", "qcow2"]).default("raw") });

/** What a restore of a domain may set. */
export const domainRestore = imagesRestore.extend({
  name: z
    .string()
    .regex(/^[^-/\s][^/\s]*$/, "give the name of a domain")
    .optional(),
  images: absolutePath.optional(),
  uri: z.string().optional(),
});
