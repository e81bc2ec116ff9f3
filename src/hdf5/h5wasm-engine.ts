import { InvalidArgumentError, InvalidDatasetError, UnsupportedError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import { checkSource } from "./check-source.js";
import { contiguous } from "./contiguous-engine.js";
import type { HDF5File, HDF5Source, WritableHDF5Engine } from "./engine.js";
import { encodeWithH5wasm } from "./h5wasm-encode.js";
import { createH5wasmFile } from "./h5wasm-file.js";
import { type H5wasm, type H5wasmLibrary, type InstallPlugin, startH5wasm } from "./h5wasm-module.js";

const readOnly = 0;
let nextFile = 0;

/** Runs a start once for all callers; a failed one can be tried again. */
export function memoizedStart(load: () => Promise<H5wasmLibrary>, install: InstallPlugin): () => Promise<H5wasm> {
  let started: Promise<H5wasm> | undefined;
  return () => {
    started ??= load()
      .then((library) => startH5wasm(library, install))
      .catch((cause: unknown) => {
        started = undefined;
        throw new UnsupportedError(
          'Engine "h5wasm" did not start: cannot import "h5wasm". Install it with `npm install h5wasm`.',
          { cause },
        );
      });
    return started;
  };
}

/** Opens a path that h5wasm's file system knows, once it is known to be there. A failed open does not throw by itself. */
export function openWithH5wasm(
  h5wasm: H5wasm,
  path: string,
  name: string,
  release: () => void,
  openOwn: () => Promise<HDF5File>,
): HDF5File {
  const file = h5wasm.module.open(path, readOnly, false, -1, -1);
  if (file < 0n) {
    const diagnosis = h5wasm.takeDiagnosis();
    release();
    throw new InvalidDatasetError(
      name,
      `"${name}" cannot be opened as an HDF5 file: ${diagnosis ?? "libhdf5 gave no reason"}. It is not HDF5, or is damaged or cut short.`,
    );
  }
  h5wasm.takeDiagnosis();
  return createH5wasmFile(h5wasm, file, name, release, openOwn);
}

/**
 * The engine without its platform.
 *
 * @param startMemory starts the build of h5wasm that keeps files in memory
 * @param openPath opens a path, where the platform has files
 */
export function createH5wasmEngine(
  startMemory: () => Promise<H5wasm>,
  openPath: (path: string) => Promise<HDF5File>,
): WritableHDF5Engine {
  async function openBytes(source: Exclude<HDF5Source, string>): Promise<HDF5File> {
    const name = source instanceof Blob && "name" in source ? String(source.name) : "HDF5 bytes";
    const bytes =
      source instanceof Uint8Array
        ? source
        : new Uint8Array(source instanceof Blob ? await source.arrayBuffer() : source);
    const h5wasm = await startMemory();
    const path = `/memory-${nextFile++}.h5`;
    h5wasm.module.FS.writeFile(path, bytes);
    return openWithH5wasm(
      h5wasm,
      path,
      name,
      () => h5wasm.module.FS.unlink(path),
      () => contiguous().open(bytes),
    );
  }

  return {
    specVersion: 1,
    name: "h5wasm",
    open: async (source) => {
      checkSource(source);
      return typeof source === "string" ? openPath(source) : openBytes(source);
    },
    async encode(items) {
      if (typeof items !== "object" || items === null || !(Symbol.iterator in items)) {
        throw new InvalidArgumentError(
          `\`items\` is ${describeValue(items)}: expected a list of groups and datasets, such as [{ path: "features", data: xs }].`,
        );
      }
      const h5wasm = await startMemory();
      return encodeWithH5wasm(h5wasm, `/encode-${nextFile++}.h5`, items);
    },
  };
}
