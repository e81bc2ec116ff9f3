import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadKeras } from "../../src/keras/load-keras.js";
import { saveKeras } from "../../src/keras/save-keras.js";
import { encodeKerasModel } from "../../src/keras/write-model.js";

const chain = fileURLToPath(new URL("../fixtures/keras-files/keras3-chain.keras", import.meta.url));
const nested = fileURLToPath(new URL("../fixtures/keras-files/keras2-nested.h5", import.meta.url));
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "save-keras-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe.each(["a.h5", "a.hdf5", "a.keras", "A.KERAS"])("a network saved as %s", (name) => {
  test("comes back equal, with its labels, metadata, and how it was compiled", async () => {
    const network = await loadKeras(chain);
    const options = { classLabels: ["a", "ü", "c"], metadata: { from: "test", size: 3 } };
    await saveKeras(network, join(folder, name), options);
    const { kerasVersion, ...back } = await loadKeras(join(folder, name));
    const { kerasVersion: _, ...expected } = network;
    expect(back).toEqual({ ...expected, ...options });
    expect(kerasVersion).toBe("2.15.0");
    // And what was found there is kept when it is saved again.
    await saveKeras(back, join(folder, `again-${name}`));
    expect(await loadKeras(join(folder, `again-${name}`))).toMatchObject(options);
  });

  test("keeps which layers are frozen, also those whose names change", async () => {
    await saveKeras(await loadKeras(nested), join(folder, name));
    const { frozen } = await loadKeras(join(folder, name));
    expect(frozen).toEqual(["frozen", "still_dense", "batch_normalization"]);
  });

  test("is not written over where that is not wanted", async () => {
    await writeFile(join(folder, name), "old");
    const network = await loadKeras(chain);
    await expect(saveKeras(network, join(folder, name), { overwrite: false })).rejects.toMatchObject({
      name: "FileAccessError",
      reason: "exists",
    });
    expect(await readFile(join(folder, name), "utf8")).toBe("old");
  });
});

describe("saveKeras", () => {
  test.each(["a.txt", "a", "a.weights.h5", "", "keras"])("refuses the name %o", async (name) => {
    await expect(saveKeras(await loadKeras(chain), join(folder, name))).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(/\.h5.*\.keras/),
    });
  });

  test("refuses a format that does not exist", async () => {
    const options = { format: "onnx" as "h5" };
    await expect(encodeKerasModel(await loadKeras(chain), options)).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringContaining('"h5" or "keras"'),
    });
  });

  test("keeps another optimizer and other metrics", async () => {
    const compile = {
      loss: "mse",
      optimizer: { name: "sgd", learningRate: 0.5, momentum: 0.25, nesterov: true },
      metrics: ["mae"],
    } as const;
    for (const name of ["a.h5", "a.keras"]) {
      await saveKeras(await loadKeras(chain), join(folder, name), { compile });
      expect((await loadKeras(join(folder, name))).compile).toEqual(compile);
    }
  });
});
