import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { jsfive } from "../../src/hdf5/jsfive.node.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import { layer, networkOf } from "../support/layers.js";

const fixtures = fileURLToPath(new URL("../fixtures/hdf5-external-storage/", import.meta.url));
const topology = networkOf([
  layer("InputLayer", "in", [], { shape: [3] }),
  layer("Dense", "out", ["in"], { units: 2 }),
]);
const refusal = {
  name: "InvalidDatasetError",
  message: expect.stringContaining("its values are in other files, which are not read"),
};

// `secret.bin` lies beside them, and would be read from the folder that the process works in.
describe("values that a file takes from another file of the disk are refused", () => {
  test.each(["weights.h5", "weights-shared-type.h5"])("by loadKeras: %s", async (name) => {
    await inFixtures(() => expect(loadKeras(name, { topology })).rejects.toMatchObject(refusal));
  });

  test.each([h5wasm(), jsfive()])("by loadKeras with the engine $name", async (engine) => {
    for (const name of ["weights.h5", "weights-shared-type.h5"]) {
      await inFixtures(() => expect(loadKeras(name, { topology, engine })).rejects.toMatchObject(refusal));
    }
  });

  test.each(["features.h5", "labels.h5"])("by HDF5DatasetGenerator.open: %s", async (name) => {
    await inFixtures(() => expect(HDF5DatasetGenerator.open(name)).rejects.toMatchObject(refusal));
  });

  test("also where the file is given as bytes", async () => {
    const bytes = new Uint8Array(await readFile(`${fixtures}weights.h5`));
    await inFixtures(() => expect(loadKeras(bytes, { topology })).rejects.toMatchObject(refusal));
  });

  test("also where the other file is not there", async () => {
    const folder = await mkdtemp(join(tmpdir(), "external-storage-"));
    try {
      const path = join(folder, "weights.h5");
      await writeFile(path, await readFile(`${fixtures}weights.h5`));
      await expect(loadKeras(path, { topology })).rejects.toMatchObject(refusal);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

async function inFixtures(action: () => Promise<void>): Promise<void> {
  const before = process.cwd();
  process.chdir(fixtures);
  try {
    await action();
  } finally {
    process.chdir(before);
  }
}
