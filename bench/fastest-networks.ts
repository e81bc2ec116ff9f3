import type { Layer, LoadedNetwork, NdArray, Network } from "cnn-transfer";
import { gigaflopsOf } from "./operations.js";
import { timed } from "./report.js";

/** A network of multiplications that kernels of ONNX Runtime compute at their fastest, with rows for it. */
interface FastNetwork {
  readonly network: Network;
  readonly xs: NdArray<"float32">;
}

/** Measures how many multiplications and additions a machine does, again and again. */
export interface ArithmeticMeter {
  /** 1e9 of them per second: the fastest of all networks now, each run twice. */
  measure(): Promise<number>;
  dispose(): Promise<void>;
}

/**
 * Which kernel is the fastest depends on the processor, its caches and its clock: convolutions of images that are in the
 * cache, in ONNX Runtime's own order of channels, or products of matrices. So each of them is tried every time. All are several
 * layers deep, as only what goes in and comes out is copied from thread to thread and brought to another order or type.
 */
export async function meterArithmetic(load: (fast: FastNetwork) => Promise<LoadedNetwork>): Promise<ArithmeticMeter> {
  const all = fastNetworks();
  const loaded: LoadedNetwork[] = [];
  for (const each of all) loaded.push(await load(each));
  return {
    async measure() {
      let most = 0;
      for (const [at, { network, xs }] of all.entries()) {
        const gigaflop = gigaflopsOf(network) * (xs.shape[0] ?? 0);
        for (let run = 0; run < 2; run++) {
          const milliseconds = await timed(async () => loaded[at]?.run([xs]));
          most = Math.max(most, (gigaflop / milliseconds) * 1000);
        }
      }
      return most;
    },
    async dispose() {
      for (const each of loaded) await each.dispose();
    },
  };
}

/** Kept below 32 MB each, so that each thread computes rows of its own and waits for no other. */
function fastNetworks(): readonly FastNetwork[] {
  return [
    fastNetwork("convolutions of 128 channels", [56, 56, 16], 4, 3, convolution(128)),
    fastNetwork("convolutions of 256 channels", [28, 28, 32], 4, 3, convolution(256)),
    fastNetwork("convolutions of 512 channels", [14, 14, 64], 8, 2, convolution(512)),
    fastNetwork("products of matrices", [1024], 1024, 4, dense(1024)),
  ];
}

type LayerOf = (name: string, from: string) => Layer;

function fastNetwork(
  name: string,
  shape: readonly number[],
  rows: number,
  depth: number,
  layerOf: LayerOf,
): FastNetwork {
  const layers: Layer[] = [{ className: "InputLayer", name: "x", inputs: [], config: { shape, dtype: "float32" } }];
  for (let at = 0; at < depth; at++) layers.push(layerOf(`layer${at}`, layers.at(-1)?.name ?? ""));
  const last = layers.at(-1)?.name ?? "";
  // Little comes out, so that the copy of it does not count.
  if (shape.length === 3) {
    layers.push({ className: "GlobalAveragePooling2D", name: "y", inputs: [last], config: { keepdims: false } });
  } else {
    layers.push(dense(16)("y", last));
  }
  const topology = { name, layers, inputs: ["x"], outputs: ["y"] };
  return { network: { ...topology, weights: weightsOf(layers, shape) }, xs: values([rows, ...shape], 1) };
}

function convolution(filters: number): LayerOf {
  return (name, from) => ({
    className: "Conv2D",
    name,
    inputs: [from],
    config: {
      filters,
      kernelSize: [3, 3],
      strides: [1, 1],
      padding: "same",
      dilationRate: [1, 1],
      groups: 1,
      useBias: false,
      activation: "linear",
    },
  });
}

function dense(units: number): LayerOf {
  return (name, from) => ({
    className: "Dense",
    name,
    inputs: [from],
    config: { units, useBias: false, activation: "linear" },
  });
}

/** Kernels that leave values about as large as they are, as infinite ones and the smallest ones take longer. */
function weightsOf(layers: readonly Layer[], shape: readonly number[]): Network["weights"] {
  let channels = shape.at(-1) ?? 0;
  const weights = new Map<string, Network["weights"] extends ReadonlyMap<string, infer W> ? W : never>();
  for (const { className, name, config } of layers) {
    if (className !== "Conv2D" && className !== "Dense") continue;
    const window = className === "Conv2D" ? config.kernelSize : [];
    const filters = className === "Conv2D" ? config.filters : config.units;
    const places = channels * window.reduce((product, side) => product * side, 1);
    weights.set(name, [{ name: "kernel", array: values([...window, channels, filters], Math.sqrt(3 / places)) }]);
    channels = filters;
  }
  return weights;
}

/** Values from -limit to limit that have no order. */
function values(shape: readonly number[], limit: number): NdArray<"float32"> {
  const length = shape.reduce((product, axis) => product * axis, 1);
  const data = Float32Array.from({ length }, (_, i) => ((Math.imul(i + 1, 2654435761) >>> 8) / 2 ** 23 - 1) * limit);
  return { dtype: "float32", shape, data };
}
