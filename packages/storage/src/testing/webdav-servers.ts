/** Two WebDAV servers for tests that differ: rclone's, which is lenient, and Apache's, which is strict. Both ask for a login. */
import { createHash } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServerProgram } from "./server-program.ts";

/** Who may use them, with characters that have to be encoded in an address. */
export const DAV_USER = "anna";
export const DAV_PASSWORD = "p@ss:%";

/** Serves the folder `data` of its own folder. */
export const DAV_RCLONE: ServerProgram = {
  program: "rclone",
  env: { RCLONE_USER: DAV_USER, RCLONE_PASS: DAV_PASSWORD },
  args: ({ port, folder }) => {
    const address = `127.0.0.1:${port}`;
    return ["serve", "webdav", join(folder, "data"), "--addr", address, "--config", "/dev/null"];
  },
  async prepare({ folder }) {
    await mkdir(join(folder, "data"));
  },
};

const MODULES = "mpm_event authn_core authn_file authz_core authz_user auth_basic dav dav_fs";

/** Serves the folder `data` of its own folder, as another user where the tests run as root. */
export const DAV_APACHE: ServerProgram = {
  program: "apache2",
  args: ({ folder }) => ["-f", join(folder, "httpd.conf"), "-D", "FOREGROUND"],
  async prepare({ port, folder }) {
    await mkdir(join(folder, "data"));
    // Apache changes to another user: that one must get in.
    await chmod(folder, 0o711);
    await chmod(join(folder, "data"), 0o777);
    await mkdir(join(folder, "locks"));
    await chmod(join(folder, "locks"), 0o777);
    const isRoot = process.getuid?.() === 0;
    const lines = [
      ...MODULES.split(" ").map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
      `Listen 127.0.0.1:${port}`,
      "ServerName localhost",
      ...(isRoot ? ["User www-data", "Group www-data"] : []),
      `PidFile ${folder}/pid`,
      `ErrorLog ${folder}/error.log`,
      `DefaultRuntimeDir ${folder}`,
      `Mutex file:${folder} default`,
      `DavLockDB ${folder}/locks/db`,
      `DocumentRoot ${folder}/data`,
      `<Directory ${folder}/data>`,
      "Dav On",
      "AuthType Basic",
      "AuthName test",
      `AuthUserFile ${folder}/users`,
      "Require valid-user",
      "</Directory>",
    ];
    await writeFile(join(folder, "httpd.conf"), `${lines.join("\n")}\n`);
    // SHA-1 is what Apache reads without a program to make the line.
    const hash = createHash("sha1").update(DAV_PASSWORD).digest("base64");
    await writeFile(join(folder, "users"), `${DAV_USER}:{SHA}${hash}\n`);
  },
};
