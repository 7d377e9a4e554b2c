/** The numbers that, with the polynomial, decide where files are cut. They are restic's and never change. */

/** Bytes that the digest covers. */
export const WINDOW_BYTES = 64;

/** No chunk but the last of a file is smaller. */
export const MIN_CHUNK_BYTES = 524_288;

/** No chunk is larger. */
export const MAX_CHUNK_BYTES = 8_388_608;
