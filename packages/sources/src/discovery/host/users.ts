/** Who has a home here. */

export interface HostUser {
  readonly name: string;
  readonly uid: number;
  readonly home: string;
  /** A person, and no service: may log in, or is root. */
  readonly isPerson: boolean;
}

const FIRST_PERSON = 1000;
const NOBODY = 65_534;
const NO_SHELLS = /\/(nologin|false|sync|halt|shutdown)$/;

/** @param text of `/etc/passwd` */
export function parseUsers(text: string): HostUser[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , uidText = "", , , home = "", shell = ""] = line.split(":");
    const uid = Number(uidText);
    if (name === "" || uidText === "" || !Number.isSafeInteger(uid) || !home.startsWith("/")) return [];
    const isPerson = uid === 0 || (uid >= FIRST_PERSON && uid !== NOBODY && !NO_SHELLS.test(shell));
    return [{ name, uid, home: home.replace(/(?<=.)\/+$/, ""), isPerson }];
  });
}
