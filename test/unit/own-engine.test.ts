import { readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import * as library from "../../src/errors.js";
import type { HDF5Engine } from "../../src/hdf5/engine.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { type NdArray, sizeOf } from "../../src/ndarray.js";

test("the engine on the docs page works with the generator", async () => {
  const page = readFileSync(path.resolve(import.meta.dirname, "../../docs/engines.md"), "utf8");
  const code = /```ts\n([^`]*arrayEngine[\s\S]*?)```/u.exec(page)?.[1] as string;
  const script = ts.transpile(code.replace(/^import.*$/mu, "").replace("export ", ""), {
    target: ts.ScriptTarget.ES2022,
  });
  const make = new Function("InvalidDatasetError", "sizeOf", `${script}; return arrayEngine;`);
  const arrayEngine = make(library.InvalidDatasetError, sizeOf) as (
    files: ReadonlyMap<string, ReadonlyMap<string, NdArray>>,
  ) => HDF5Engine;

  const features: NdArray = { dtype: "float32", shape: [5, 2], data: Float32Array.from({ length: 10 }, (_, i) => i) };
  const labels: NdArray = { dtype: "int32", shape: [5], data: Int32Array.of(0, 1, 0, 1, 0) };
  const datasets = new Map<string, NdArray>([
    ["features", features],
    ["labels", labels],
  ]);
  const engine = arrayEngine(new Map([["a.hdf5", datasets]]));
  await using data = await HDF5DatasetGenerator.open("a.hdf5", { engine, batchSize: 2, shuffle: true });
  const rows: number[] = [];
  for await (const { xs, ys, indices } of data) {
    for (const [i, index] of indices.entries()) {
      expect([xs.data[2 * i], ys.data[i]]).toEqual([2 * index, index % 2]);
      rows.push(index);
    }
  }
  expect(rows.sort()).toEqual([0, 1, 2, 3, 4]);
  await expect(HDF5DatasetGenerator.open("b.hdf5", { engine })).rejects.toMatchObject({ name: "InvalidDatasetError" });
});
