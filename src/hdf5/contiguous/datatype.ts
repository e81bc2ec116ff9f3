import type { HDF5DType } from "../engine.js";
import { numericDType } from "../typed-array.js";

/** An HDF5 datatype message, as far as this library reads values of it. */
export interface Datatype {
  readonly dtype: HDF5DType;
  /** Bytes of one element in the file. */
  readonly size: number;
  readonly bigEndian: boolean;
  /** How strings are stored; present if `dtype` is `string`. */
  readonly string?: { readonly variable: boolean; readonly padding: "nul-terminated" | "nul-padded" | "space-padded" };
}

const floatFields: Readonly<Record<number, string>> = {
  2: "0,16,10,5,0,10,15",
  4: "0,32,23,8,0,23,127",
  8: "0,64,52,11,0,52,1023",
};
const paddings = ["nul-terminated", "nul-padded", "space-padded"] as const;

/** Parses a datatype message (HDF5 file format 3.0, IV.A.2.d). Types that are neither numbers nor strings are `other`. */
export function parseDatatype(view: DataView, offset: number): Datatype {
  const classAndVersion = view.getUint8(offset);
  const version = classAndVersion >> 4;
  if (version < 1 || version > 5) throw new RangeError(`datatype version ${version} is not possible`);
  const flags = view.getUint8(offset + 1);
  const size = view.getUint32(offset + 4, true);
  const bigEndian = (flags & 1) === 1;
  const other: Datatype = { dtype: "other", size, bigEndian: false };
  const properties = offset + 8;
  switch (classAndVersion & 15) {
    case 0: {
      const whole = view.getUint16(properties, true) === 0 && view.getUint16(properties + 2, true) === size * 8;
      const dtype = whole ? numericDType(flags & 8 ? "signed" : "unsigned", size) : undefined;
      return dtype ? { dtype, size, bigEndian } : other;
    }
    case 1: {
      // Also tells IEEE half precision from bfloat16 and little-endian from VAX order.
      const fields = [
        view.getUint16(properties, true),
        view.getUint16(properties + 2, true),
        view.getUint8(properties + 4),
        view.getUint8(properties + 5),
        view.getUint8(properties + 6),
        view.getUint8(properties + 7),
        view.getUint32(properties + 8, true),
      ];
      const dtype =
        fields.join() === floatFields[size] && (flags & 0x40) === 0 ? numericDType("float", size) : undefined;
      return dtype ? { dtype, size, bigEndian } : other;
    }
    case 3: {
      const padding = paddings[flags & 15];
      return padding ? { dtype: "string", size, bigEndian: false, string: { variable: false, padding } } : other;
    }
    case 8: {
      const base = parseDatatype(view, properties);
      if (base.size !== size) throw new RangeError(`an enumeration of ${size} bytes over ${base.size} is not possible`);
      return base.dtype === "string" ? other : base;
    }
    case 9: {
      const isString = (flags & 15) === 1;
      return isString && size === 16
        ? { dtype: "string", size, bigEndian: false, string: { variable: true, padding: "nul-terminated" } }
        : other;
    }
    default:
      return other;
  }
}

/** Parses a dataspace message (IV.A.2.b). `null` for a dataspace that holds nothing. */
export function parseDataspace(view: DataView, offset: number): readonly number[] | null {
  const version = view.getUint8(offset);
  const rank = view.getUint8(offset + 1);
  if (version !== 1 && version !== 2) throw new RangeError(`dataspace version ${version} is not known`);
  if (rank > 32) throw new RangeError(`an array of ${rank} axes is not possible`);
  if (version === 2 && view.getUint8(offset + 3) === 2) return null;
  const first = offset + (version === 1 ? 8 : 4);
  const bounded = (view.getUint8(offset + 2) & 1) !== 0;
  return Array.from({ length: rank }, (_, i) => {
    const axis = view.getBigUint64(first + 8 * i, true);
    if (axis > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`an axis of ${axis} elements is not possible`);
    // All ones, the greatest number there is, stand for no limit.
    const greatest = bounded ? view.getBigUint64(first + 8 * (rank + i), true) : axis;
    if (axis > greatest) throw new RangeError(`an axis has ${axis} elements, but at most ${greatest} are allowed`);
    return Number(axis);
  });
}
