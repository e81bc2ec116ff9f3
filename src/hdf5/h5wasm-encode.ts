import { InvalidArgumentError, UnsupportedError } from "../errors.js";
import { type Shape, sizeOf } from "../ndarray.js";
import type { HDF5Item } from "./engine.js";
import type { H5wasm } from "./h5wasm-module.js";
import { normalizePath } from "./row-range.js";

type Values = NonNullable<HDF5Item["data"]>;

const utf8 = 1;

/**
 * Makes a whole HDF5 file in memory, in the oldest format that can hold it (superblock 0, symbol tables, version 1
 * object headers): what h5py writes by default and every reader takes.
 *
 * @param path where in the module's own memory file system the file may live meanwhile
 * @throws UnsupportedError if libhdf5 refuses an item
 */
export function encodeWithH5wasm(h5wasm: H5wasm, path: string, items: Iterable<HDF5Item>): Uint8Array {
  const { module } = h5wasm;
  const truncate = 2;
  const file = module.open(path, truncate, false, module.H5F_LIBVER_EARLIEST, module.H5F_LIBVER_LATEST);
  if (file < 0n) throw new UnsupportedError(`h5wasm cannot make an HDF5 file in memory: ${h5wasm.takeDiagnosis()}.`);
  let open = true;
  try {
    for (const item of items) writeItem(item);
    open = false;
    if (module.flush(file) < 0 || module.close_file(file) < 0) {
      throw new UnsupportedError(`h5wasm cannot complete an HDF5 file in memory: ${h5wasm.takeDiagnosis()}.`);
    }
    return module.FS.readFile(path);
  } finally {
    if (open) module.close_file(file);
    module.FS.unlink(path);
  }

  function writeItem(item: HDF5Item): void {
    const target = normalizePath(item.path);
    if (item.data) {
      ensureGroup(target.slice(0, target.lastIndexOf("/")));
      if (module.get_type(file, target) !== -1) {
        throw new InvalidArgumentError(`Encoding an HDF5 file: "${item.path}" was given twice.`);
      }
      h5wasm.takeDiagnosis();
      checkShape(item.path, item.data);
      check(`dataset "${item.path}"`, () => writeValues(item.data as Values, dataset(target)));
      const written = module.get_dataset_metadata(file, target);
      if (written.shape?.join() !== item.data.shape.join()) refuse(`dataset "${item.path}"`);
    } else {
      ensureGroup(target);
    }
    for (const [name, value] of item.attributes ?? []) {
      const what = `attribute "${name}" of "${item.path}"`;
      // libhdf5 would keep the old value without a word.
      if (module.get_attribute_names(file, target).includes(name)) {
        throw new InvalidArgumentError(`Encoding an HDF5 file: ${what} was given twice.`);
      }
      checkShape(what, value);
      check(what, () => writeValues(value, attribute(target, name)));
      if (!module.get_attribute_names(file, target).includes(name)) refuse(what);
      if (module.get_attribute_metadata(file, target, name).shape?.join() !== value.shape.join()) refuse(what);
    }
  }

  function ensureGroup(path: string): void {
    let current = "";
    for (const part of path.split("/").filter(Boolean)) {
      current += `/${part}`;
      const type = module.get_type(file, current);
      h5wasm.takeDiagnosis();
      if (type === module.H5G_GROUP) continue;
      if (type !== -1) {
        throw new InvalidArgumentError(`Encoding an HDF5 file: "${current}" is a dataset and cannot have members.`);
      }
      const group = current;
      check(`group "${group}"`, () => module.create_group(file, group, false));
      if (module.get_type(file, group) !== module.H5G_GROUP) refuse(`group "${group}"`);
    }
  }

  function check(what: string, action: () => number): void {
    let status: number;
    try {
      status = action();
    } catch (cause) {
      throw new UnsupportedError(`h5wasm cannot write ${what}: ${h5wasm.takeDiagnosis() ?? String(cause)}.`, { cause });
    }
    // The status is that of the last of several steps only; a complaint on the error stream tells of the others.
    const diagnosis = h5wasm.takeDiagnosis();
    if (status < 0 || diagnosis !== undefined) refuse(what, diagnosis);
  }

  function refuse(what: string, diagnosis = h5wasm.takeDiagnosis()): never {
    throw new UnsupportedError(
      `h5wasm cannot write ${what}: ${diagnosis ?? "libhdf5 gave no reason"}. Attributes hold at most 64 kB of numbers; put larger ones into a dataset.`,
    );
  }

  interface Target {
    strings(data: readonly string[], metadata: object): number;
    numbers(pointer: bigint, metadata: object): number;
  }

  function dataset(path: string): Target {
    return {
      strings: (data, metadata) => module.create_vlen_str_dataset(file, path, data, metadata),
      numbers: (pointer, metadata) => module.create_dataset(file, path, pointer, metadata),
    };
  }

  function attribute(path: string, name: string): Target {
    return {
      strings: (data, metadata) => module.create_vlen_str_attribute(file, path, name, data, metadata),
      numbers: (pointer, metadata) => module.create_attribute(file, path, name, pointer, metadata),
    };
  }

  function writeValues(values: Values, target: Target): number {
    const shape = values.shape.map(BigInt);
    const common = { shape, maxshape: shape, chunks: null, littleEndian: true, compression: 0, compression_opts: [] };
    if (values.dtype === "string") {
      return target.strings(values.data, { ...common, type: 3, size: 4, vlen: true, signed: false, cset: utf8 });
    }
    const { dtype, data } = values;
    const pointer = module._malloc(Math.max(8, data.byteLength));
    if (pointer === 0) throw new Error(`${data.byteLength} bytes do not fit into WebAssembly memory`);
    try {
      module.HEAPU8.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), pointer);
      return target.numbers(BigInt(pointer), {
        ...common,
        type: dtype.startsWith("float") ? 1 : 0,
        size: data.BYTES_PER_ELEMENT,
        signed: dtype.startsWith("int"),
        vlen: false,
      });
    } finally {
      module._free(pointer);
    }
  }
}

function checkShape(
  what: string,
  values: { readonly shape: Shape; readonly dtype: string; readonly data: ArrayLike<unknown> },
): void {
  if (values.data.length !== sizeOf(values.shape)) {
    throw new InvalidArgumentError(
      `Encoding an HDF5 file: ${what} has shape [${values.shape.join(", ")}] but ${values.data.length} values.`,
    );
  }
  if (values.dtype === "string") {
    for (let i = 0; i < values.data.length; i++) {
      if (String(values.data[i]).includes("\0")) {
        throw new UnsupportedError(
          `Encoding an HDF5 file: string ${i} of ${what} holds a NUL, which would end it there.`,
        );
      }
    }
  }
}
