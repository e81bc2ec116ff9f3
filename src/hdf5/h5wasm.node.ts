import { access, constants, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { fileAccessError } from "../files/file-access.node.js";
import { contiguous } from "./contiguous-engine.js";
import type { HDF5File, WritableHDF5Engine } from "./engine.js";
import { createH5wasmEngine, memoizedStart, openWithH5wasm } from "./h5wasm-engine.js";
import type { H5wasmLibrary } from "./h5wasm-module.js";
import { addSearchPath, installInMemory, type PluginPackage } from "./h5wasm-plugins.js";

// Two builds: one works on real files and loads nothing whole, the other keeps files in memory and touches no disk.
const startFiles = memoizedStart(
  async () => (await import("h5wasm/node")) as unknown as H5wasmLibrary,
  async (module, file) => {
    const path = await pluginPath(file);
    await access(path, constants.R_OK);
    addSearchPath(module, resolve(path, ".."));
  },
);

/** Starts the build of h5wasm that keeps files in memory. */
export const startMemory = memoizedStart(
  async () => (await import("h5wasm")) as unknown as H5wasmLibrary,
  async (module, file) => installInMemory(module, file, await readFile(await pluginPath(file))),
);

async function pluginPath(file: string): Promise<string> {
  const { base_url } = (await import("h5wasm-plugins")) as PluginPackage;
  return join(fileURLToPath(`${base_url}/plugins`), file);
}

/**
 * HDF5 through libhdf5 compiled to WebAssembly (h5wasm). Reads every layout of HDF5 but virtual datasets, with the
 * filters gzip, shuffle, fletcher32, szip and scale-offset; with the package `h5wasm-plugins` also zstd, lz4, lzf, bz2,
 * bitshuffle, blosc, blosc2 and zfp. Writes whole files such as Keras models.
 *
 * Paths are read in place and never loaded whole; bytes and `Blob`s are kept in memory while open.
 *
 * @example
 * const file = await h5wasm().open("features.hdf5");
 * const { data } = await file.read("features", { start: 0, end: 32 });
 * await file.close();
 */
export function h5wasm(): WritableHDF5Engine {
  return createH5wasmEngine(startMemory, openPath);
}

async function openPath(path: string): Promise<HDF5File> {
  try {
    await access(path, constants.R_OK);
  } catch (cause) {
    throw fileAccessError("open", path, cause);
  }
  return openWithH5wasm(
    await startFiles(),
    resolve(path),
    path,
    () => undefined,
    () => contiguous().open(path),
  );
}
