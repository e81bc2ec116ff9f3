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

  const sgd = { name: "sgd", learningRate: 0.5, momentum: 0.25, nesterov: true } as const;
  test.each([
    ["SGD and other metrics", { loss: "mse", optimizer: sgd, metrics: ["mae"] }],
    ["clipnorm", { loss: "mse", optimizer: sgd, clipping: { clipnorm: 0.5 }, metrics: [] }],
    ["global clipnorm", { loss: "mse", optimizer: sgd, clipping: { globalClipnorm: 2 }, metrics: [] }],
    ["clipvalue", { loss: "mse", optimizer: sgd, clipping: { clipvalue: 0.1 }, metrics: [] }],
    ["smoothed classes", { loss: "categorical_crossentropy", labelSmoothing: 0.1, optimizer: sgd, metrics: [] }],
    ["smoothed labels", { loss: "binary_crossentropy", labelSmoothing: 0.25, optimizer: sgd, metrics: [] }],
    [
      "AdamW",
      {
        loss: "mse",
        optimizer: { name: "adamw", learningRate: 0.5, beta1: 0.8, beta2: 0.9, epsilon: 1e-5, weightDecay: 0.125 },
        metrics: [],
      },
    ],
    [
      "RMSprop",
      {
        loss: "mse",
        optimizer: { name: "rmsprop", learningRate: 0.5, rho: 0.8, momentum: 0.5, epsilon: 1e-5, centered: true },
        metrics: [],
      },
    ],
  ] as const)("keeps how it was compiled: %s", async (_, compile) => {
    for (const name of ["a.h5", "a.keras"]) {
      await saveKeras(await loadKeras(chain), join(folder, name), { compile });
      expect((await loadKeras(join(folder, name))).compile).toEqual(compile);
    }
  });

  test.each([
    ["mean_squared_error", 0.1],
    ["categorical_crossentropy", 1],
  ])("refuses to smooth the targets of %s by %s", async (loss, labelSmoothing) => {
    const compile = { loss, labelSmoothing, optimizer: sgd };
    await expect(encodeKerasModel(await loadKeras(chain), { compile })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(/`labelSmoothing`/),
    });
  });
});
