import { InvalidDatasetError, UnsupportedError } from "../errors.js";
import type { ByteSource } from "./contiguous/byte-source.js";
import { memorySource } from "./contiguous/memory-source.js";
import { createMetadataReader } from "./contiguous/metadata-reader.js";
import { readSuperblock } from "./contiguous/superblock.js";
import type { HDF5Engine, HDF5Source } from "./engine.js";
import { createJsfiveFile, reasonOf } from "./jsfive-file.js";
import type { JsfiveGroup, JsfiveLibrary } from "./jsfive-library.js";

/** Imports jsfive once for all callers; a failed import can be tried again. */
export function memoizedImport(load: () => Promise<JsfiveLibrary>): () => Promise<JsfiveLibrary> {
  let imported: Promise<JsfiveLibrary> | undefined;
  return () => {
    imported ??= load().catch((cause: unknown) => {
      imported = undefined;
      throw new UnsupportedError(
        'Engine "jsfive" did not start: cannot import "jsfive". Install it with `npm install jsfive`.',
        { cause },
      );
    });
    return imported;
  };
}

/** The engine without its platform. `openSource` opens a path, `Blob` or bytes. */
export function createJsfiveEngine(
  load: () => Promise<JsfiveLibrary>,
  openSource: (source: HDF5Source) => Promise<ByteSource>,
): HDF5Engine {
  return {
    specVersion: 1,
    name: "jsfive",
    async open(source) {
      const library = await load();
      const opened = await openSource(source);
      try {
        const bytes = new Uint8Array(opened.size);
        await opened.read(0, bytes);
        // jsfive opens a truncated file without a word, so the head is checked first.
        const metadata = createMetadataReader(memorySource(bytes, opened.name));
        await readSuperblock(metadata);
        let root: JsfiveGroup;
        try {
          root = new library.File(bytes.buffer, opened.name);
        } catch (cause) {
          throw new InvalidDatasetError(
            opened.name,
            `"${opened.name}" cannot be opened by jsfive: ${reasonOf(cause)}. \`h5wasm()\` may read it.`,
            { cause },
          );
        }
        return createJsfiveFile(root, metadata, bytes.buffer, opened.name);
      } finally {
        await opened.close();
      }
    },
  };
}
