import type { HDF5Attribute, HDF5Item } from "../hdf5/engine.js";
import type { NdArray } from "../ndarray.js";
import type { Json } from "./layer-config.js";

/** A text as an attribute. */
export function text(value: string): HDF5Attribute {
  return { dtype: "string", shape: [], data: [value] };
}

/** JSON as an attribute. */
export function json(value: Json): HDF5Attribute {
  return text(JSON.stringify(value));
}

/** Names in the compact part of an attribute must stay below this, as Keras does, to fit into an object header. */
const attributeLimit = 64_512;

/** A list of strings as an attribute; a long one is cut into `name0`, `name1`, ... by Keras's rule. */
export function stringList(name: string, values: readonly string[]): [string, HDF5Attribute][] {
  // An empty list of strings is written by h5py, and so by Keras, as an empty list of numbers.
  if (values.length === 0) return [[name, emptyList]];
  const bytes = values.length * Math.max(...values.map((value) => new TextEncoder().encode(value).length));
  if (bytes <= attributeLimit) return [[name, { dtype: "string", shape: [values.length], data: values }]];
  const parts = Math.ceil(bytes / attributeLimit);
  const longer = values.length % parts;
  let start = 0;
  return Array.from({ length: parts }, (_, part): [string, HDF5Attribute] => {
    const end = start + Math.floor(values.length / parts) + (part < longer ? 1 : 0);
    const data = values.slice(start, end);
    start = end;
    return [`${name}${part}`, { dtype: "string", shape: [data.length], data }];
  });
}

const emptyList: NdArray<"float64"> = { dtype: "float64", shape: [0], data: new Float64Array(0) };

/** The names of a model's classes, where our readers find them. */
export function labelNames(classLabels: readonly string[]): HDF5Item {
  return { path: "/label_names", data: { dtype: "string", shape: [classLabels.length], data: classLabels } };
}
