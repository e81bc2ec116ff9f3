import { writeFile } from "node:fs/promises";
import path from "node:path";
import { createNetwork, featureNetwork, type LoadedNetwork, type NdArray, type Network, toOnnx } from "cnn-transfer";
import { installedBackends } from "./backends.js";
import { type MeasuredNetwork, measuredNetworks } from "./networks.js";
import { gigaflopsOf } from "./operations.js";
import type { PeakMeter } from "./peak.js";
import { type PythonPeer, startPython } from "./python.js";
import { compare, inTurns, type Lane, printTable, timed } from "./report.js";
import { inTemporaryFolder } from "./temporary-folder.js";

/** One who computes a batch, once it is its turn. */
interface Runner extends Pick<Lane, "what" | "role"> {
  /** Milliseconds per picture. */
  measure(): Promise<number>;
}

/** Batch sizes; tfjs-wasm takes a second for a picture of VGG16, and no less in a large batch. */
const batchSizes = [1, 8, 32];
const largestOnWasm = 8;

/** Networks without top, uint8 pixels in, pooled features out: each backend and batch size, beside Keras and a bare session. */
export async function forward({ quick, peak }: { readonly quick: boolean; readonly peak: PeakMeter }): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const peer = startPython("forward_peer.py");
    try {
      for (const measured of quick ? measuredNetworks.slice(-1) : measuredNetworks) {
        await forwardOf(measured, { peak, quick, peer, folder });
      }
    } finally {
      await peer?.stop();
    }
  });
}

interface ForwardContext {
  readonly peak: PeakMeter;
  readonly quick: boolean;
  readonly peer: PythonPeer | undefined;
  readonly folder: string;
}

async function forwardOf(
  { backbone, weights, size, layer, preprocess, rounds }: MeasuredNetwork,
  { peak, quick, peer, folder }: ForwardContext,
): Promise<void> {
  const network = await createNetwork(backbone, { weights, imageSize: size });
  const cut = { layers: [layer], pooling: "avg", preprocess, imageSize: size } as const;
  const { network: features } = featureNetwork(network, cut);
  const file = path.join(folder, `${backbone}.onnx`);
  await writeFile(file, toOnnx(features));
  const loaded = await loadEverywhere(features);
  const work = gigaflopsOf(network);
  for (const batchSize of quick ? batchSizes.slice(1, 2) : batchSizes) {
    const pixels = noise(batchSize, size);
    const backends: Runner[] = [...loaded].flatMap(([what, backend]): Runner[] =>
      what.startsWith("tfjs-backend-wasm") && batchSize > largestOnWasm
        ? []
        : [{ what, role: "ours", measure: async () => (await timed(() => backend.run([pixels]))) / batchSize }],
    );
    const runners: Runner[] = [
      {
        what: `limit: ${work.toFixed(2)} GFLOP as fast as the fastest convolution or product of matrices`,
        role: "limit",
        measure: async () => (work / (await peak.gigaflops())) * 1000,
      },
      ...backends,
    ];
    if (peer) {
      runners.push(
        {
          what: "Keras",
          role: "peer",
          measure: () => peer.ask(`keras ${backbone} ${batchSize}`),
        },
        {
          what: "bare session of onnxruntime in Python",
          role: "peer",
          measure: () => peer.ask(`onnxruntime ${file} ${batchSize}`),
        },
      );
    }
    for (const { measure } of runners) await measure();
    const times = quick ? 3 : rounds;
    const figures = await inTurns(
      times,
      runners.map(({ measure }) => measure),
    );
    printTable(
      `${backbone} without top, ${size.join("x")}, forward, batch ${batchSize}, medians of ${times} rounds`,
      compare(
        runners.map(({ what, role }, at) => ({ what, role, figures: figures[at] ?? [] })),
        { name: "ms/image", faster: "less" },
      ),
    );
  }
  for (const each of loaded.values()) await each.dispose();
}

async function loadEverywhere(network: Network): Promise<ReadonlyMap<string, LoadedNetwork>> {
  const loaded = new Map<string, LoadedNetwork>();
  for (const backend of await installedBackends()) loaded.set(backend.description, await backend.load(network));
  return loaded;
}

function noise(count: number, [height, width]: readonly [number, number]): NdArray<"uint8"> {
  const data = Uint8Array.from({ length: count * height * width * 3 }, (_, i) => (i * 2654435761) >>> 24);
  return { dtype: "uint8", shape: [count, height, width, 3], data };
}
