/** The kind `etcd`. */
import type { SourceKind } from "../contract/source.ts";
import { EtcdSource } from "./etcd-source.ts";
import { type EtcdSettings, etcdSettings } from "./settings.ts";

export const etcdKind: SourceKind<EtcdSettings> = {
  kind: "etcd",
  settings: etcdSettings,
  open: (name, settings, surroundings) => new EtcdSource(name, settings, surroundings),
};
