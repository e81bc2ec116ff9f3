import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  type Backend,
  createNetwork,
  featureNetwork,
  isCnnTransferError,
  type NdArray,
  onnx,
  tfjsNode,
  tfjsWasm,
  vgg16,
} from "cnn-transfer";
import { kerasPipeline } from "./keras.js";
import { fastest, printTable, type Row } from "./report.js";

const builtTfjsNode = fileURLToPath(new URL("../.tfjs-node/node_modules/@tensorflow/tfjs-node", import.meta.url));

/** VGG16 without top at 224x224, uint8 pixels in, pooled features out: each backend and batch size, beside Keras. */
export async function forward(): Promise<void> {
  const network = await createNetwork(vgg16, { weights: "random", includeTop: false, imageSize: [224, 224] });
  const { network: features } = featureNetwork(network, {
    layers: ["block5_pool"],
    pooling: "avg",
    preprocess: "caffe",
    imageSize: [224, 224],
  });
  const rows: Row[] = [];
  const best = new Map<number, number>();
  const plans: readonly (readonly [Backend, readonly number[], number])[] = [
    [onnx(), [1, 8, 32], 3],
    [existsSync(builtTfjsNode) ? tfjsNode({ module: builtTfjsNode }) : tfjsNode(), [1, 8, 32], 2],
    [tfjsWasm(), [1, 8], 1],
  ];
  for (const [backend, batchSizes, times] of plans) {
    try {
      await backend.init();
    } catch (error) {
      if (!isCnnTransferError(error, "BackendUnavailableError")) throw error;
      rows.push({ what: backend.name, figure: "not installed" });
      continue;
    }
    const loaded = await backend.load(features);
    for (const batchSize of batchSizes) {
      const pixels: NdArray<"uint8"> = {
        dtype: "uint8",
        shape: [batchSize, 224, 224, 3],
        data: Uint8Array.from({ length: batchSize * 224 * 224 * 3 }, (_, i) => (i * 2654435761) >>> 24),
      };
      await loaded.run([pixels]);
      const perImage = (await fastest(times, () => loaded.run([pixels]))) / batchSize;
      const reference = best.get(batchSize) ?? perImage;
      best.set(batchSize, reference);
      rows.push({
        what: `${backend.description}, batch ${batchSize}`,
        figure: `${perImage.toFixed(1)} ms/image`,
        ratio: `${(perImage / reference).toFixed(2)}x`,
      });
    }
    await loaded.dispose();
  }
  const keras = await kerasPipeline("forward");
  for (const [batchSize, perImage] of Object.entries(keras ?? {})) {
    rows.push({
      what: `Keras on TensorFlow, batch ${batchSize}`,
      figure: `${perImage.toFixed(1)} ms/image`,
      ratio: `${(perImage / (best.get(Number(batchSize)) ?? perImage)).toFixed(2)}x`,
    });
  }
  printTable("VGG16 without top, 224x224, forward", rows);
}
