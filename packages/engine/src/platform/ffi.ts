/**
 * Opens `node:ffi`, on first use. Symbols are looked up in the running process: libc is linked into it under whatever
 * name the distribution has for it (glibc or musl), and Node exports the zstd that it bundles. All use of `node:ffi`
 * starts here.
 */
import type * as ffi from "node:ffi";
import { engineError } from "../errors.ts";

type Ffi = typeof ffi;

let loaded: Ffi | undefined;

/**
 * The module itself, for reading native memory.
 *
 * @throws ENGINE_NO_FFI when this Node has none or forbids it.
 */
export function nativeMemory(): Ffi {
  loaded ??= load();
  return loaded;
}

/**
 * Functions of the running process by their C names. Keep what is returned: closing or losing it ends the functions.
 *
 * @throws ENGINE_NO_FFI also when one of the symbols does not exist.
 */
export function processFunctions<const T extends ffi.FunctionDefinitions>(
  definitions: T,
): ffi.DynamicLibraryResult<T>["functions"] {
  try {
    const library = nativeMemory().dlopen(null, definitions);
    libraries.push(library.lib);
    return library.functions;
  } catch (error) {
    throw engineError("ENGINE_NO_FFI", { node: process.version }, error);
  }
}

const libraries: ffi.DynamicLibrary[] = [];

function load(): Ffi {
  // Loading prints a warning that the module is experimental: true, known, and no business of whoever runs a backup.
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (rest[0] === "ExperimentalWarning" && String(warning).startsWith("FFI ")) return;
    Reflect.apply(emitWarning, process, [warning, ...rest]);
  };
  try {
    const module = process.getBuiltinModule("node:ffi") as Ffi | undefined;
    if (module === undefined) throw engineError("ENGINE_NO_FFI", { node: process.version });
    return module;
  } finally {
    process.emitWarning = emitWarning;
  }
}
