import { openContiguousFile } from "./contiguous/contiguous-file.js";
import { openSource } from "./contiguous/open-source.node.js";
import type { HDF5Engine } from "./engine.js";

/**
 * The library's own HDF5 reader: contiguous and compact datasets of any number or string type, in files of every
 * version, read in place by position; nothing is loaded whole and no WebAssembly is needed. Files of
 * {@link HDF5DatasetWriter}, and what h5py makes without `chunks` or `compression`, are of this kind.
 *
 * Chunked and compressed datasets, and groups with more than eight members in files of `libver="latest"`, end in an
 * UnsupportedError that names `h5wasm()`. Links into other files are not followed: an InvalidDatasetError.
 */
export function contiguous(): HDF5Engine {
  return {
    specVersion: 1,
    name: "contiguous",
    async open(source) {
      const opened = await openSource(source);
      try {
        return await openContiguousFile(opened);
      } catch (error) {
        await opened.close();
        throw error;
      }
    },
  };
}
