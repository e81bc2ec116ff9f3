import { type BackboneName, createNetwork, featureNetwork, type NdArray, onnx, resolveBackbone } from "cnn-transfer";
import { median, printTable, type Row } from "./report.js";

/** Networks that are measured; weights that cannot be had offline are random, which says nothing of what is lost. */
const networks: readonly { readonly backbone: BackboneName; readonly weights: "random" | "imagenet" }[] = [
  { backbone: "vgg16", weights: "random" },
  { backbone: "resnet50", weights: "random" },
  { backbone: "resnet50v2", weights: "random" },
  { backbone: "densenet121", weights: "random" },
  { backbone: "squeezenet", weights: "random" },
  { backbone: "mobilenet", weights: "random" },
  { backbone: "vgg-mini", weights: "imagenet" },
];

const batchSize = 8;
const rounds = 5;

/** The forward pass in 8-bit integers beside that in float32, in turns: uint8 pixels in, pooled features out. */
export async function int8({ quick }: { readonly quick: boolean }): Promise<void> {
  const backend = onnx();
  const rows: Row[] = [];
  for (const { backbone, weights } of quick ? networks.slice(4) : networks) {
    const { imageSize, layer, preprocess } = resolveBackbone(backbone);
    const plain = await createNetwork(backbone, { weights });
    const { network } = featureNetwork(plain, { layers: [layer], pooling: "avg", preprocess, imageSize });
    const pixels = stripes(batchSize, imageSize);
    const calibration = await backend.calibrate(network, {
      rangeBatches: [stripes(2, imageSize)],
      judgingBatches: [pixels],
      meanCosine: -1,
      minimumCosine: -1,
    });
    const float32 = await backend.load(network);
    const integers = await backend.loadQuantized(network, calibration);
    const times: [number[], number[]] = [[], []];
    for (let round = 0; round <= rounds; round++) {
      for (const [lane, loaded] of [float32, integers].entries()) {
        const start = performance.now();
        await loaded.run([pixels]);
        // The first run sets up memory.
        if (round > 0) times[lane]?.push((performance.now() - start) / batchSize);
      }
    }
    await float32.dispose();
    await integers.dispose();
    const [slow, fast] = times.map(median) as [number, number];
    const lost = weights === "random" ? "" : `, mean cosine ${calibration.quality.meanCosine.toFixed(4)}`;
    rows.push(
      { what: `${backbone}, float32`, figure: `${slow.toFixed(2)} ms/image` },
      {
        what: `${backbone}, int8`,
        figure: `${fast.toFixed(2)} ms/image`,
        ratio: `${(slow / fast).toFixed(2)}x as fast${lost}`,
      },
    );
  }
  printTable(`8-bit integers on ${backend.description}, batch ${batchSize}, median of ${rounds}`, rows);
}

/** Pictures of coloured stripes. */
function stripes(count: number, [height, width]: readonly [number, number]): NdArray<"uint8"> {
  const data = Uint8Array.from({ length: count * height * width * 3 }, (_, i) => {
    const [x, image] = [Math.floor(i / 3) % width, Math.floor(i / (height * width * 3))];
    return 128 + 90 * Math.sin((x * (image + 1)) / 9 + (i % 3)) + ((i * 2654435761) >>> 24) / 8;
  });
  return { dtype: "uint8", shape: [count, height, width, 3], data };
}
