/** Keeps the C library's allocator from hoarding memory. */
import { isHoldfastError } from "@holdfast/base";
import { processFunctions } from "./ffi.ts";

/** Number of the parameter in malloc.h of glibc. */
const M_MMAP_THRESHOLD = -3;
const OWN_MAPPING_FROM_BYTES = 256 * 1024;

/**
 * Gives large allocations of this process memory of their own, which goes back to the system as soon as they are freed. glibc
 * begins so too, but raises the limit up to 32 MiB with every large block that is freed; from then on such blocks leave holes
 * in the heaps of all threads. Measured on a backup of a million files: 60 MB less.
 *
 * Does nothing where the C library has no such setting (musl needs none), or where Node gives no access to it.
 */
export function returnLargeAllocations(): void {
  try {
    const libc = processFunctions({ mallopt: { arguments: ["int32", "int32"], return: "int32" } });
    libc.mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_FROM_BYTES);
  } catch (error) {
    if (!isHoldfastError(error, "ENGINE_NO_FFI")) throw error;
  }
}
