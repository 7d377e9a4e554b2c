/** Where the parts of a system's capture lie. */

/** The folder of the report. */
export const REPORT = "report";
/** The list of what is secret. */
export const SECRETS = "secrets.json";
/** Files of the report that need dpkg's database: configuration that was changed, and other files that were. */
export const CONFFILES = "conffiles.txt";
export const LOCAL_FILES = "local-files.txt";
