/** How each file begins that is a SQLite database and not empty (sqlite.org/fileformat.html). */
export const SQLITE_HEADER = "SQLite format 3\0";
