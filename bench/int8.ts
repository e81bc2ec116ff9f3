import { writeFile } from "node:fs/promises";
import path from "node:path";
import {
  createNetwork,
  featureNetwork,
  type NdArray,
  onnx,
  type QuantizingBackend,
  resolveBackbone,
  toOnnx,
} from "cnn-transfer";
import { type ArithmeticMeter, meterArithmetic } from "./fastest-networks.js";
import { gigaflopsOf } from "./operations.js";
import { type PythonPeer, startPython } from "./python.js";
import { compare, inTurns, printTable, timed } from "./report.js";
import { inTemporaryFolder } from "./temporary-folder.js";

/** Networks that are measured; weights that cannot be had offline are random, which says nothing of what is lost. */
const networks = [
  { backbone: "vgg16", weights: "random" },
  { backbone: "resnet50", weights: "random" },
  { backbone: "resnet50v2", weights: "random" },
  { backbone: "densenet121", weights: "random" },
  { backbone: "squeezenet", weights: "random" },
  { backbone: "mobilenet", weights: "random" },
  { backbone: "mobilenetv3large", weights: "random" },
  { backbone: "efficientnetb0", weights: "random" },
  { backbone: "vgg-mini", weights: "imagenet" },
] as const;

const batchSize = 8;

/**
 * The forward pass in 8-bit integers, uint8 pixels in, pooled features out, in turns with that in float32, and with what
 * onnxruntime's own quantization in Python makes of the same graph.
 */
export async function int8({ quick }: { readonly quick: boolean }): Promise<void> {
  const backend = onnx();
  const peak = await meterIntegers(backend);
  await inTemporaryFolder(async (folder) => {
    const peer = startPython("forward_peer.py");
    try {
      for (const each of quick ? networks.slice(-1) : networks) {
        await int8Of(each, { backend, peer, folder, rounds: quick ? 3 : 7, peak });
      }
    } finally {
      await peer?.stop();
    }
  });
  await peak.dispose();
}

interface Int8Context {
  readonly backend: QuantizingBackend;
  readonly peer: PythonPeer | undefined;
  readonly folder: string;
  readonly rounds: number;
  /** Multiplications of 8-bit integers. */
  readonly peak: ArithmeticMeter;
}

async function int8Of(
  { backbone, weights }: (typeof networks)[number],
  { backend, peer, folder, rounds, peak }: Int8Context,
): Promise<void> {
  const { imageSize, layer, preprocess } = resolveBackbone(backbone);
  const plain = await createNetwork(backbone, { weights });
  const { network } = featureNetwork(plain, { layers: [layer], pooling: "avg", preprocess, imageSize });
  const file = path.join(folder, `${backbone}.onnx`);
  await writeFile(file, toOnnx(network));
  const pixels = stripes(batchSize, imageSize);
  const calibration = await backend.calibrate(network, {
    rangeBatches: [stripes(2, imageSize)],
    judgingBatches: [pixels],
    meanCosine: -1,
    minimumCosine: -1,
  });
  const float32 = await backend.load(network);
  const integers = await backend.loadQuantized(network, calibration);
  const work = gigaflopsOf(plain);
  const turns = [
    async () => (work / (await peak.measure())) * 1000,
    async () => (await timed(() => float32.run([pixels]))) / batchSize,
    async () => (await timed(() => integers.run([pixels]))) / batchSize,
    ...(peer ? [() => peer.ask(`quantized ${file} ${batchSize}`)] : []),
  ];
  // The first run sets up memory.
  for (const turn of turns) await turn();
  const [limit = [], ofFloat32 = [], ofIntegers = [], ofPeer = []] = await inTurns(rounds, turns);
  await float32.dispose();
  await integers.dispose();
  printTable(
    `${backbone} in 8-bit integers on ${backend.description}, batch ${batchSize}, medians of ${rounds} rounds`,
    compare(
      [
        {
          what: `limit: ${work.toFixed(2)} G operations as fast as the fastest convolution or product in 8-bit integers`,
          role: "limit",
          figures: limit,
        },
        {
          what: "int8",
          role: "ours",
          figures: ofIntegers,
          note: weights === "random" ? undefined : `mean cosine ${calibration.quality.meanCosine.toFixed(4)}`,
        },
        { what: "float32", role: "peer", figures: ofFloat32 },
        { what: "onnxruntime's quantize_static in Python, per channel", role: "peer", figures: ofPeer },
      ],
      { name: "ms/image", faster: "less" },
    ),
  );
}

function meterIntegers(backend: QuantizingBackend): Promise<ArithmeticMeter> {
  return meterArithmetic(async ({ network, xs }) => {
    const calibration = await backend.calibrate(network, {
      rangeBatches: [xs],
      judgingBatches: [xs],
      meanCosine: -1,
      minimumCosine: -1,
    });
    return backend.loadQuantized(network, calibration);
  });
}

/** Pictures of coloured stripes. */
function stripes(count: number, [height, width]: readonly [number, number]): NdArray<"uint8"> {
  const data = Uint8Array.from({ length: count * height * width * 3 }, (_, i) => {
    const [x, image] = [Math.floor(i / 3) % width, Math.floor(i / (height * width * 3))];
    return 128 + 90 * Math.sin((x * (image + 1)) / 9 + (i % 3)) + ((i * 2654435761) >>> 24) / 8;
  });
  return { dtype: "uint8", shape: [count, height, width, 3], data };
}
