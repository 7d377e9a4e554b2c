/** What is read of a domain's definition, and what becomes of it for a restored copy. */
import { expect, test } from "vitest";
import { changedDomain, readDomain } from "./domain-xml.ts";

const XML = `<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web &amp; more</name>
  <uuid>f44532c6-cc99-41e9-97ff-b2380fdaefd2</uuid>
  <memory unit='MiB'>2048</memory>
  <vcpu placement='static'>4</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>
    <nvram>/var/lib/libvirt/qemu/nvram/web_VARS.fd</nvram>
  </os>
  <devices>
    <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
    <disk type='block' device='disk'>
      <driver name='qemu' type='raw' cache='none'/>
      <source dev='/dev/vg/web'><seclabel model='dac' relabel='no'/></source>
      <backingStore type='file'><source file='/base'/></backingStore>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw'/><source protocol='rbd' name='pool/image'/><target dev='vdb' bus='virtio'/>
    </disk>
    <interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface>
    <graphics type='vnc' passwd='a&quot;b&lt;c'/>
  </devices>
  <qemu:commandline><qemu:arg value='-x'/></qemu:commandline>
</domain>`;

const changes = {
  name: "copy",
  disks: new Map([["vda", "/new/<odd> & name/vda.qcow2"]]),
  format: "qcow2",
  variables: "/new/nvram.fd",
};

test("disks that can be written to, firmware and size are read", async () => {
  expect(await readDomain(XML)).toEqual({
    name: "web & more",
    disks: [
      { name: "vda", format: "raw", path: "/dev/vg/web" },
      { name: "vdb", format: "raw", path: undefined },
    ],
    variables: "/var/lib/libvirt/qemu/nvram/web_VARS.fd",
    shape: { memoryBytes: 2 * 1024 ** 3, cpus: 4, type: "pc-q35-7.2", uefi: true },
  });
});

test("a copy of another name gets the new places and no identity; all else stays", async () => {
  const changed = await changedDomain(XML, changes);
  expect(await readDomain(changed)).toMatchObject({
    name: "copy",
    disks: [
      { name: "vda", format: "qcow2", path: "/new/<odd> & name/vda.qcow2" },
      { name: "vdb", format: "raw", path: undefined },
    ],
    variables: "/new/nvram.fd",
  });
  expect(changed).not.toMatch(/f44532c6|52:54:00|backingStore|\/dev\/vg\/web/);
  expect(changed).toContain('xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0"');
  expect(changed).toContain('<qemu:arg value="-x"></qemu:arg>');
  expect(changed).toContain('passwd="a&#34;b&#60;c"');
  expect(changed).toContain('<disk type="file" device="disk">');
  expect(changed).toContain('device="cdrom"');
});

test("under its own name it stays the same machine", async () => {
  const changed = await changedDomain(XML, { ...changes, name: "web & more" });
  expect(changed).toContain("f44532c6-cc99-41e9-97ff-b2380fdaefd2");
  expect(changed).toContain("52:54:00:00:00:01");
});

test.for(["", "no XML <", "<domain/>", "<network><name>x</name></network>"])("%j is no domain", async (xml) => {
  await expect(readDomain(xml)).rejects.toMatchObject({ code: "SOURCES_DAMAGED" });
});
