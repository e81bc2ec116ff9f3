import { ClosedError, isCnnTransferError } from "../errors.js";
import { type ContiguousFile, openContiguousFile } from "./contiguous/contiguous-file.js";
import { openSource } from "./contiguous/open-source.node.js";
import type { HDF5Engine, HDF5File, HDF5Source } from "./engine.js";
import { h5wasm } from "./h5wasm.node.js";

/**
 * The engine that is used where none is named: the library's own reader, and h5wasm for each object that it does not
 * know, such as a compressed dataset. Both give the same values; h5wasm is loaded only when it is needed.
 */
export function autoEngine(): HDF5Engine {
  return { specVersion: 1, name: "auto", open: (source) => openAuto(source) };
}

/**
 * Opens a file so that contiguous rows can be located and everything else still read.
 *
 * @param name what errors call it. Default: its path, or that it is bytes
 */
export async function openAuto(
  source: HDF5Source,
  name?: string,
): Promise<HDF5File & Pick<ContiguousFile, "locate" | "isUnwritten">> {
  const unnamed = await openSource(source);
  const opened = name === undefined ? unnamed : { ...unnamed, name };
  let own: ContiguousFile | undefined;
  let other: Promise<HDF5File> | undefined;
  let closed = false;

  function fallback(): Promise<HDF5File> {
    other ??= h5wasm()
      .open(source)
      .catch((error: unknown) => {
        other = undefined;
        throw error;
      });
    return other;
  }

  /** What only the own reader knows; `other` where it does not know the object. */
  async function ask<T>(action: (file: ContiguousFile) => Promise<T>, other: T): Promise<T> {
    try {
      return own ? await action(own) : other;
    } catch (error) {
      if (!isCnnTransferError(error, "UnsupportedError")) throw error;
      return other;
    }
  }

  async function attempt<T>(action: (file: HDF5File) => Promise<T>): Promise<T> {
    if (closed) throw new ClosedError(`"${opened.name}" is closed.`);
    if (own) {
      try {
        return await action(own);
      } catch (error) {
        if (!isCnnTransferError(error, "UnsupportedError")) throw error;
      }
    }
    return action(await fallback());
  }

  try {
    own = await openContiguousFile(opened);
  } catch (error) {
    await opened.close();
    if (!isCnnTransferError(error, "UnsupportedError")) throw error;
    await fallback();
  }
  return {
    list: (path) => attempt((file) => file.list(path)),
    stat: (path) => attempt((file) => file.stat(path)),
    read: (path, rows) => attempt((file) => file.read(path, rows)),
    readStrings: (path, rows) => attempt((file) => file.readStrings(path, rows)),
    attributes: (path) => attempt((file) => file.attributes(path)),
    attribute: (path, name) => attempt((file) => file.attribute(path, name)),
    locate: (path) => ask((file) => file.locate(path), undefined),
    isUnwritten: (path) => ask((file) => file.isUnwritten(path), false),
    chunkRows: async (path) => (await fallback()).chunkRows?.(path),
    async close() {
      closed = true;
      await own?.close();
      await (await other)?.close();
    },
  };
}
