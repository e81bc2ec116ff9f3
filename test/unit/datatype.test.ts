import { expect, test } from "vitest";
import { parseDatatype } from "../../src/hdf5/contiguous/datatype.js";

/** An enumeration of `size` bytes over uint8 (HDF5 file format 3.0, IV.A.2.d, class 8). */
function enumeration(size: number): DataView {
  const view = new DataView(new ArrayBuffer(24));
  view.setUint8(0, 0x18);
  view.setUint32(4, size, true);
  view.setUint8(8, 0x10);
  view.setUint32(12, 1, true);
  view.setUint16(18, 8, true);
  return view;
}

test("an enumeration is its numbers, and is refused where its size is not theirs, as the HDF5 library does", () => {
  expect(parseDatatype(enumeration(1), 0)).toEqual({ dtype: "uint8", size: 1, bigEndian: false });
  expect(() => parseDatatype(enumeration(16), 0)).toThrow(RangeError);
});
