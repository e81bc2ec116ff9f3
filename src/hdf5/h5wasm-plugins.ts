import { UnsupportedError } from "../errors.js";
import type { H5wasmModule, InstallPlugin } from "./h5wasm-module.js";

/** Files of the package `h5wasm-plugins`, by the number of the filter in them. */
const plugins: ReadonlyMap<number, string> = new Map([
  [307, "bz2"],
  [32000, "lzf"],
  [32001, "blosc"],
  [32004, "lz4"],
  [32008, "bshuf"],
  [32013, "zfp"],
  [32015, "zstd"],
  [32019, "jpeg"],
  [32022, "bitgroom"],
  [32023, "bitround"],
  [32026, "blosc2"],
]);

/** Makes a filter known to h5wasm, if it is one that a plug-in has. */
export type AddPlugin = (filter: number) => Promise<void>;

/**
 * Puts plug-ins where libhdf5 finds them, each when it is first needed.
 *
 * @param install puts the plug-in of this file name there; fails if the package is missing
 */
export function createPluginLoader(module: H5wasmModule, install: InstallPlugin): AddPlugin {
  const added = new Map<string, Promise<void>>();
  return (filter) => {
    const name = plugins.get(filter);
    if (name === undefined) return Promise.resolve();
    let adding = added.get(name);
    if (!adding) {
      adding = install(module, `libH5Z${name}.so`).catch((cause: unknown) => {
        added.delete(name);
        throw new UnsupportedError(
          `The compression "${name}" (HDF5's filter ${filter}) needs the package "h5wasm-plugins", which cannot be loaded (${messageOf(cause)}). Install it with \`npm install h5wasm-plugins\`, or use gzip; h5repack changes files that exist.`,
          { cause },
        );
      });
      added.set(name, adding);
    }
    return adding;
  };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? (cause.message.split("\n", 1)[0] as string) : String(cause);
}

/** The package as imported. */
export interface PluginPackage {
  /** Where it lies, without a slash at the end. */
  readonly base_url: string;
}

/** Where h5wasm's own file system keeps plug-ins that are not on a disk. */
const memoryFolder = "/h5wasm-plugins";

/** Gives a plug-in to a module that has no files but those in memory. */
export function installInMemory(module: H5wasmModule, file: string, bytes: Uint8Array): void {
  addSearchPath(module, memoryFolder);
  module.FS.mkdirTree(memoryFolder);
  module.FS.writeFile(`${memoryFolder}/${file}`, bytes);
}

/** Makes libhdf5 look into a folder, before all others. */
export function addSearchPath(module: H5wasmModule, folder: string): void {
  if (!module.get_plugin_search_paths().includes(folder)) module.insert_plugin_search_path(folder, 0);
}
