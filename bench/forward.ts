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
} from "cnn-transfer";
import { kerasPipeline } from "./keras.js";
import { type MeasuredNetwork, measuredNetworks } from "./networks.js";
import { gigaflopsOf, peakGigaflops } from "./peak.js";
import { fastest, printTable, type Row } from "./report.js";

const builtTfjsNode = fileURLToPath(new URL("../.tfjs-node/node_modules/@tensorflow/tfjs-node", import.meta.url));

/** Networks without top, uint8 pixels in, pooled features out: each backend and batch size, beside Keras. */
export async function forward({ quick }: { readonly quick: boolean }): Promise<void> {
  const peak = await peakGigaflops();
  for (const measured of measuredNetworks) await forwardOf(measured, peak, quick);
}

async function forwardOf(measured: MeasuredNetwork, peak: number, quick: boolean): Promise<void> {
  const { backbone, weights, size, layer, times } = measured;
  const network = await createNetwork(backbone, { weights, imageSize: size });
  const { network: features } = featureNetwork(network, {
    layers: [layer],
    pooling: "avg",
    preprocess: "caffe",
    imageSize: size,
  });
  const [height, width] = size;
  const work = gigaflopsOf(network);
  const rows: Row[] = [
    {
      what: "limit: a product of large matrices on onnx",
      figure: `${((work / peak) * 1000).toFixed(2)} ms/image`,
      ratio: `${peak.toFixed(0)} GFLOP/s; the network has ${work.toFixed(2)} GFLOP`,
    },
  ];
  const best = new Map<number, number>();
  const plans: readonly (readonly [Backend, readonly number[]])[] = [
    [onnx(), quick ? [1, 8] : [1, 8, 32]],
    [existsSync(builtTfjsNode) ? tfjsNode({ module: builtTfjsNode }) : tfjsNode(), [1, 8, 32]],
    [tfjsWasm(), [1, 8]],
  ];
  for (const [backend, batchSizes] of quick ? plans.slice(0, 1) : plans) {
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
        shape: [batchSize, height, width, 3],
        data: Uint8Array.from({ length: batchSize * height * width * 3 }, (_, i) => (i * 2654435761) >>> 24),
      };
      await loaded.run([pixels]);
      const perImage = (await fastest(times, () => loaded.run([pixels]))) / batchSize;
      const reference = best.get(batchSize) ?? perImage;
      best.set(batchSize, reference);
      rows.push({
        what: `${backend.description}, batch ${batchSize}`,
        figure: `${perImage.toFixed(2)} ms/image`,
        ratio: `${(perImage / reference).toFixed(2)}x`,
      });
    }
    await loaded.dispose();
  }
  const keras = quick ? undefined : await kerasPipeline("forward", backbone);
  for (const [batchSize, perImage] of Object.entries(keras ?? {})) {
    rows.push({
      what: `Keras on TensorFlow, batch ${batchSize}`,
      figure: `${perImage.toFixed(2)} ms/image`,
      ratio: `${(perImage / (best.get(Number(batchSize)) ?? perImage)).toFixed(2)}x`,
    });
  }
  printTable(`${backbone} without top, ${height}x${width}, forward`, rows);
}
