import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { tfjsNode } from "../../src/backends/tfjs/tfjs-node.node.js";
import { imageFolder } from "../../src/images/image-folder.js";
import { splitRows } from "../../src/training/split.js";
import { TransferModel } from "../../src/transfer-model.js";
import { tfjsNodeHint, tfjsNodeIsBuilt, tfjsNodeModule } from "../support/tfjs-node-build.js";

const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const animals = path.join(shared, "animals");
const weights = path.join(shared, "weights/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5");
const isThere = existsSync(animals) && existsSync(weights);
const hint = isThere ? tfjsNodeHint : " (skipped without ../shared)";

test.runIf(isThere && tfjsNodeIsBuilt)(
  `SqueezeNet's last block, fine-tuned on 225 photographs, tells 75 others apart better than a head alone${hint}`,
  { timeout: 240_000 },
  async () => {
    const images = await imageFolder(animals);
    const { first, second } = splitRows(images.length, { size: 0.25, stratify: images.labels, seed: 0 });
    const [train, validation] = [images.select(first), images.select(second)];
    await using model = await TransferModel.create({
      backbone: "squeezenet",
      weights,
      classLabels: images.classLabels,
      backend: tfjsNode({ module: tfjsNodeModule }),
    });
    await model.fit(train, { epochs: 10, validation });
    const frozen = model.network();
    model.unfreeze({ from: "fire9/squeeze1x1" });
    await model.fit(train, { epochs: 3, validation, learningRate: 1e-4 });
    const accuracies = model.history.map(({ valAccuracy = 0 }) => valAccuracy);
    const [warm = 0, tuned = 0] = [accuracies[9], accuracies.at(-1)];
    // Guessing would get a third. Measured: 59 and 64 of 75.
    expect(warm).toBeGreaterThan(0.7);
    expect(tuned).toBeGreaterThan(warm + 0.03);
    // What stands still is as it came from ImageNet.
    for (const layer of model.frozen) {
      expect(model.network().weights.get(layer)).toEqual(frozen.weights.get(layer));
    }
    // Through the whole network, pixels first, as through the part that was trained.
    expect((await model.evaluate(validation)).accuracy).toBeCloseTo(tuned, 6);
  },
);
