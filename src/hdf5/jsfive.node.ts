import { openSource } from "./contiguous/open-source.node.js";
import type { HDF5Engine } from "./engine.js";
import { createJsfiveEngine, memoizedImport } from "./jsfive-engine.js";
import type { JsfiveLibrary } from "./jsfive-library.js";

const load = memoizedImport(async () => (await import("jsfive")) as unknown as JsfiveLibrary);

/**
 * HDF5 through jsfive, a small reader in JavaScript (27 kB instead of h5wasm's megabyte). Loads the whole file into
 * memory; reads contiguous and gzip-compressed datasets of files with HDF5's older layouts. It cannot write.
 */
export function jsfive(): HDF5Engine {
  return createJsfiveEngine(load, openSource);
}
