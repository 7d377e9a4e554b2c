/** Where things lie in the capture of a dump. */

/** What is in each database, to compare a restored copy with. */
export const CONTENTS_FILE = "contents.json";
export const ACCOUNTS_FILE = "users.sql";
const DATABASES = "databases";

/** The files of a database, in the order in which they are restored; all of them may be absent but the first. */
export const DATABASE_FILES = {
  tables: "tables.sql",
  routines: "routines.sql",
  views: "views.sql",
  events: "events.sql",
};
export type DatabaseFile = keyof typeof DATABASE_FILES;

/** From the folder of the capture on. */
export function databaseFile(database: string, file: DatabaseFile): string {
  return `${DATABASES}/${folderName(database)}/${DATABASE_FILES[file]}`;
}

/** A database may be called what no folder can be called. */
function folderName(database: string): string {
  const escape = (character: string): string =>
    `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  return database.replaceAll(/[%/\u0000-\u001F\u007F]/g, escape).replace(/^\./, escape);
}
