import { InvalidWeightsError } from "../errors.js";
import type { HDF5File } from "../hdf5/engine.js";

/**
 * A list of names that Keras keeps in an attribute, such as `layer_names`. Lists too long for one attribute are split
 * into `name0`, `name1`, ...; an empty list is stored as numbers of shape [0]. `undefined` if there is no such attribute.
 *
 * @throws InvalidWeightsError if the attribute is not a list of strings
 */
export async function readNames(file: HDF5File, path: string, name: string): Promise<readonly string[] | undefined> {
  const whole = await readPart(file, path, name);
  if (whole !== undefined) return whole;
  const names: string[] = [];
  for (let part = 0; ; part++) {
    const some = await readPart(file, path, `${name}${part}`);
    if (some === undefined) return part === 0 ? undefined : names;
    for (const each of some) names.push(each);
  }
}

async function readPart(file: HDF5File, path: string, name: string): Promise<readonly string[] | undefined> {
  const attribute = await file.attribute(path, name);
  if (attribute === undefined) return undefined;
  if (attribute.dtype === "string") return attribute.data;
  if (attribute.data.length === 0) return [];
  throw new InvalidWeightsError(
    `Attribute \`${name}\` of "${path}" holds ${attribute.dtype}: expected a list of names. The file is not one of Keras.`,
  );
}
