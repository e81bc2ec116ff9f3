import type { HDF5File } from "../hdf5/engine.js";
import type { StoredWeight } from "./stored-weight.js";

/** The variables of a layer in the order of their numbers. */
export async function variablesOf(file: HDF5File, path: string): Promise<readonly StoredWeight[]> {
  const group = `${path}/vars`;
  if ((await file.stat(group))?.kind !== "group") return [];
  const names = (await file.list(group)).filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b));
  const variables: StoredWeight[] = [];
  for (const name of names) {
    const entry = await file.stat(`${group}/${name}`);
    if (entry?.kind !== "dataset") continue;
    variables.push({ path: `${group}/${name}`, name, shape: entry.shape });
  }
  return variables;
}

/** Layers in layers in layers; more is none of Keras. */
const greatestDepth = 50;

/** Number of variables in a group and all groups inside of it; the states of random generators are not counted. */
export async function countVariables(file: HDF5File, path: string, depth = 0): Promise<number> {
  if (depth > greatestDepth) return 0;
  let count = 0;
  for (const name of await file.list(path)) {
    const entry = await file.stat(`${path}/${name}`);
    if (entry?.kind === "group") count += await countVariables(file, `${path}/${name}`, depth + 1);
    else if (entry?.kind === "dataset" && !/^u?int/.test(entry.dtype)) count++;
  }
  return count;
}
