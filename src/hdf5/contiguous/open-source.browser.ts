import { UnsupportedError } from "../../errors.js";
import { checkSource } from "../check-source.js";
import type { HDF5Source } from "../engine.js";
import type { ByteSource } from "./byte-source.js";
import { blobSource, memorySource } from "./memory-source.js";

/**
 * Opens a `Blob`, a `File` or bytes for reads at any position.
 *
 * @throws UnsupportedError for a path, which a browser does not have
 */
export async function openSource(source: HDF5Source): Promise<ByteSource> {
  checkSource(source);
  if (typeof source === "string") {
    throw new UnsupportedError(
      `Cannot open "${source}": a browser has no file paths. Pass a \`File\`, a \`Blob\` or the file's bytes.`,
    );
  }
  if (source instanceof Blob) return blobSource(source, "name" in source ? String(source.name) : "HDF5 bytes");
  return memorySource(source instanceof Uint8Array ? source : new Uint8Array(source), "HDF5 bytes");
}
