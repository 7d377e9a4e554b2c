/** How files of SQLite are known. */

/** How each file begins that is a SQLite database and not empty (sqlite.org/fileformat.html). */
export const SQLITE_HEADER = "SQLite format 3\0";

/** Endings of what SQLite keeps beside a database. With another database they would be taken for its own, and destroy it. */
export const COMPANIONS = ["-wal", "-shm", "-journal"] as const;
