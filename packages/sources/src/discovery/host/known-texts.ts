/** Configuration of other programs that says where their data lies. Small files at known places. */
import { type Dirent, readdirSync } from "node:fs";
import { textOf } from "./read-start.ts";

/** Folders, how deep they are read, and which files in them. */
const PLACES: readonly { readonly folder: string; readonly depth: number; readonly files: RegExp }[] = [
  { folder: "/etc/nginx", depth: 3, files: /^[^~]+$/ },
  { folder: "/etc/apache2", depth: 2, files: /\.conf$/ },
  { folder: "/etc/httpd", depth: 3, files: /\.conf$/ },
  { folder: "/etc/postgresql", depth: 3, files: /^postgresql\.conf$/ },
  { folder: "/etc/mysql", depth: 3, files: /\.cnf$/ },
  { folder: "/etc/my.cnf.d", depth: 1, files: /\.cnf$/ },
  { folder: "/etc/redis", depth: 2, files: /\.conf$/ },
  { folder: "/etc/valkey", depth: 2, files: /\.conf$/ },
  { folder: "/etc/ldap", depth: 1, files: /^slapd\.conf$/ },
  { folder: "/etc/dovecot", depth: 2, files: /\.conf$/ },
  { folder: "/etc/libvirt/qemu", depth: 1, files: /\.xml$/ },
  { folder: "/etc", depth: 1, files: /^(my\.cnf|mongod\.conf|mongodb\.conf|crontab|os-release|exports)$/ },
  { folder: "/etc/postfix", depth: 1, files: /^main\.cf$/ },
  { folder: "/etc/default", depth: 1, files: /^etcd$/ },
  { folder: "/etc/docker", depth: 1, files: /^daemon\.json$/ },
];
const MOST_FILES = 2000;

/** By their paths. What cannot be read is not there. @param root stands before each path when it is read */
export function readKnownTexts(root: string): Map<string, string> {
  const texts = new Map<string, string>();
  const visit = (folder: string, depth: number, files: RegExp): void => {
    for (const entry of entries(root + folder)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory() && depth > 1) visit(path, depth - 1, files);
      else if (entry.isFile() && files.test(entry.name) && texts.size < MOST_FILES) {
        const text = textOf(root + path);
        if (text !== undefined) texts.set(path, text);
      }
    }
  };
  for (const { folder, depth, files } of PLACES) visit(folder, depth, files);
  return texts;
}

function entries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
