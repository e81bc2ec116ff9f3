import { InvalidDatasetError, UnsupportedError } from "../errors.js";
import { sizeOf } from "../ndarray.js";
import type { HDF5Attribute } from "./engine.js";
import type { H5wasmHandle } from "./h5wasm-handle.js";
import { allocateNumbers, copyNumbers, decodeStrings, dtypeOf } from "./h5wasm-values.js";

/** Names of the attributes at a path. */
export function attributeNames(handle: H5wasmHandle, path: string): readonly string[] {
  return handle.call(`list the attributes of "${path}"`, (module, file) => module.get_attribute_names(file, path));
}

/**
 * Reads an attribute; `undefined` if there is none of this name.
 *
 * @param readVariableLength reads one with texts of any length in a safer way, where it can
 * @throws UnsupportedError if it is neither numbers nor texts
 * @throws InvalidDatasetError if it cannot be read
 */
export async function readAttribute(
  handle: H5wasmHandle,
  path: string,
  attribute: string,
  readVariableLength: () => Promise<HDF5Attribute | undefined>,
): Promise<HDF5Attribute | undefined> {
  const { name } = handle;
  const what = `attribute "${attribute}" of "${path}"`;
  if (!attributeNames(handle, path).includes(attribute)) return undefined;
  const metadata = handle.call(`read ${what}`, (module, file) => module.get_attribute_metadata(file, path, attribute));
  const dtype = dtypeOf(metadata);
  if (dtype === "other") {
    throw new UnsupportedError(`The ${what} in "${name}" is neither a number nor a string; no engine reads it.`);
  }
  const shape = metadata.shape ?? [0];
  const length = metadata.shape === null ? 0 : sizeOf(shape);
  if (length === 0) {
    return dtype === "string" ? { dtype, shape, data: [] } : allocateNumbers(dtype, shape, name, what);
  }
  const found = metadata.vlen ? await readVariableLength() : undefined;
  if (found) return found;
  const refusal = () => new InvalidDatasetError(name, `Reading the ${what} in "${name}": it is too large.`);
  return handle.withMemory(length * metadata.size, refusal, (pointer): HDF5Attribute => {
    const { module, file, h5wasm } = handle;
    const status = handle.call(`read ${what}`, () => module.get_attribute_data(file, path, attribute, BigInt(pointer)));
    if (status < 0) {
      throw new InvalidDatasetError(name, `Cannot read the ${what} in "${name}": ${h5wasm.takeDiagnosis()}.`);
    }
    if (dtype !== "string") {
      const result = allocateNumbers(dtype, shape, name, what);
      copyNumbers(module.HEAPU8, pointer, dtype, result);
      return result;
    }
    try {
      return { dtype, shape, data: decodeStrings(module.HEAPU8, pointer, length, metadata, name, what) };
    } finally {
      if (metadata.vlen) module.reclaim_vlen_memory(file, path, attribute, BigInt(pointer));
    }
  });
}
