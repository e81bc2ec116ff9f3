import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { loadImage } from "../../src/images/load-image.js";
import { readKerasWeights } from "../../src/keras/read-weights.js";
import { cut } from "../../src/network/cut.js";
import { featureNetwork } from "../../src/network/feature-network.js";
import type { Network } from "../../src/network/network.js";
import { goldenBackbone, readPhotographs } from "../support/backbone-goldens.js";

const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const { images, models } = readPhotographs();

describe.skipIf(!existsSync(shared))("photographs through real ImageNet weights (needs ../shared/data)", () => {
  test.each(models)("$backbone gives Keras's features from the image file on, within 1e-4", async (golden) => {
    const network = await load(golden);
    const { network: features } = featureNetwork(cut(network, golden.layer), {
      layers: [golden.layer],
      pooling: "avg",
      preprocess: golden.preprocess,
      imageSize: [224, 224],
    });
    for (const [index, [vector]] of (await run(features)).entries()) {
      const expected = golden.average[index] ?? [];
      expect(vector?.length).toBe(expected.length);
      const scale = Math.hypot(...expected);
      const difference = Math.hypot(...expected.map((value, channel) => value - (vector?.[channel] ?? Number.NaN)));
      expect(difference / scale, images[index]).toBeLessThan(1e-4);
    }
  });

  test.each(models.filter(({ top3 }) => top3))("$backbone names the same three classes as Keras", async (golden) => {
    const network = await load(golden);
    const { network: classifier } = featureNetwork(network, {
      layers: network.outputs,
      preprocess: golden.preprocess,
      imageSize: [224, 224],
    });
    for (const [index, [probabilities = []]] of (await run(classifier)).entries()) {
      const best = [...probabilities.entries()].sort(([, a], [, b]) => b - a).slice(0, 3);
      const expected = golden.top3?.[index] ?? [];
      expect(best.map(([label]) => label)).toEqual(expected.map(([label]) => label));
      for (const [rank, [, probability]] of best.entries())
        expect(probability).toBeCloseTo(expected[rank]?.[1] ?? -1, 4);
    }
  });
});

async function load(golden: (typeof models)[number]): Promise<Network> {
  const topology = goldenBackbone(golden).topology({ includeTop: golden.includeTop, imageSize: [224, 224] });
  // The shared file of VGG16 holds the first blocks only.
  const whole = { ...topology, weights: new Map() };
  const network = golden.backbone === "vgg16" ? cut(whole, golden.layer) : whole;
  const file = await h5wasm().open(`${shared}weights/${golden.weights}`);
  try {
    return { ...network, weights: await readKerasWeights(file, network, golden.weights) };
  } finally {
    await file.close();
  }
}

/** For each photograph, the values of each output. */
async function run(network: Network): Promise<readonly (readonly Float32Array[])[]> {
  const backend = onnx();
  await backend.init();
  const loaded = await backend.load(network);
  try {
    const results: Float32Array[][] = [];
    for (const image of images) {
      const pixels = await loadImage(`${shared}${image}`, { size: [224, 224], interpolation: "bilinear" });
      const outputs = await loaded.run([{ ...pixels, shape: [1, 224, 224, 3] }]);
      results.push(outputs.map(({ data }) => data));
    }
    return results;
  } finally {
    await loaded.dispose();
  }
}
