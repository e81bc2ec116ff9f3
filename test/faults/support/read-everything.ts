import type { HDF5Engine } from "../../../src/hdf5/engine.js";
import { HDF5DatasetGenerator } from "../../../src/hdf5-dataset-generator.js";

/** What was found in a file: values of datasets and attributes as bytes or texts, and the errors met on the way. */
export interface Findings {
  readonly values: ReadonlyMap<string, string>;
  readonly errors: readonly { readonly path: string; readonly error: unknown }[];
}

const greatestObjects = 100;
const greatestDepth = 6;

/** Reads every dataset and attribute of a file through an engine. Errors are collected, so that all is tried. */
export async function readEverything(engine: HDF5Engine, bytes: Uint8Array): Promise<Findings> {
  const values = new Map<string, string>();
  const errors: { path: string; error: unknown }[] = [];
  const attempt = async <T>(path: string, action: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await action();
    } catch (error) {
      errors.push({ path, error });
      return undefined;
    }
  };
  const file = await attempt("", () => engine.open(bytes));
  if (!file) return { values, errors };
  const waiting: { readonly path: string; readonly depth: number }[] = [{ path: "/", depth: 0 }];
  for (let objects = 0; waiting.length > 0 && objects < greatestObjects; objects++) {
    const { path, depth } = waiting.shift() as { path: string; depth: number };
    const entry = await attempt(path, () => file.stat(path));
    if (entry?.kind === "group" && depth < greatestDepth) {
      for (const name of (await attempt(path, () => file.list(path))) ?? []) {
        if (name !== "" && !name.includes("/"))
          waiting.push({ path: path === "/" ? `/${name}` : `${path}/${name}`, depth: depth + 1 });
      }
    }
    if (entry?.kind === "dataset") {
      const content = await attempt(path, async () =>
        entry.dtype === "string" ? JSON.stringify(await file.readStrings(path)) : describe(await file.read(path)),
      );
      if (content !== undefined) values.set(path, content);
    }
    for (const name of (await attempt(`${path}@`, () => file.attributes(path))) ?? []) {
      const attribute = await attempt(`${path}@${name}`, () => file.attribute(path, name));
      if (attribute)
        values.set(
          `${path}@${name}`,
          attribute.dtype === "string" ? JSON.stringify(attribute.data) : describe(attribute),
        );
    }
  }
  await attempt("", () => file.close());
  return { values, errors };
}

/** Reads a file as a data set: all batches, names, attributes and the checksum. */
export async function readAsDataset(bytes: Uint8Array): Promise<Findings> {
  const values = new Map<string, string>();
  const errors: { path: string; error: unknown }[] = [];
  for (const allowIncomplete of [false, true]) {
    try {
      await using data = await HDF5DatasetGenerator.open(bytes, { batchSize: 64, allowIncomplete });
      await data.attributes();
      let batches = 0;
      for await (const { xs } of data) {
        values.set(`batch ${batches}`, describe(xs));
        if (++batches === 50) break;
      }
      await data.fileNames();
      if (batches < 50) await data.verify();
    } catch (error) {
      errors.push({ path: "", error });
    }
  }
  return { values, errors };
}

function describe(array: {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: unknown;
}): string {
  const { buffer, byteOffset, byteLength } = array.data as Uint8Array;
  if (byteLength > 1_000_000) return `${array.dtype} [${array.shape}]`;
  return `${array.dtype} [${array.shape}] ${Buffer.from(buffer, byteOffset, byteLength).toString("base64")}`;
}
