import { UnsupportedError } from "../errors.js";
import type { WritableHDF5Engine } from "./engine.js";
import { createH5wasmEngine, memoizedStart } from "./h5wasm-engine.js";
import type { H5wasmLibrary } from "./h5wasm-module.js";
import { installInMemory, type PluginPackage } from "./h5wasm-plugins.js";

/** Starts h5wasm. */
export const startMemory = memoizedStart(
  async () => (await import("h5wasm")) as unknown as H5wasmLibrary,
  async (module, file) => {
    const { base_url } = (await import("h5wasm-plugins")) as PluginPackage;
    const response = await fetch(`${folderOf(base_url)}/plugins/${file}`);
    if (!response.ok) {
      throw new Error(
        `${response.url} answers with status ${response.status}; serve the folder \`plugins\` of the package there`,
      );
    }
    installInMemory(module, file, new Uint8Array(await response.arrayBuffer()));
  },
);

/** The package looks for its folder by the name of its own script, which bundlers change. */
function folderOf(baseUrl: string): string {
  return baseUrl.replace(/\/[^/]*\.m?js(\?[^/]*)?$/, "");
}

/**
 * HDF5 through libhdf5 compiled to WebAssembly (h5wasm), in a browser: files are kept in memory, up to 2 GB.
 * For files compressed in other ways than gzip, the folder `plugins` of the package `h5wasm-plugins` must be served beside
 * the bundle's scripts.
 * Reads every layout of HDF5 but virtual datasets; writes whole files such as Keras models.
 */
export function h5wasm(): WritableHDF5Engine {
  return createH5wasmEngine(startMemory, async (path) => {
    throw new UnsupportedError(
      `Cannot open "${path}": a browser has no file paths. Pass a \`File\`, a \`Blob\` or the file's bytes.`,
    );
  });
}
