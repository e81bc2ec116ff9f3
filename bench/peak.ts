import { inferShapes, type Layer, type NdArray, type Network, onnx, type Topology } from "cnn-transfer";

const size = 2048;

/** Most that ONNX Runtime computes on this machine, in 1e9 floating-point operations per second: a large product of matrices. */
export async function peakGigaflops(): Promise<number> {
  const layers: readonly Layer[] = [
    { className: "InputLayer", name: "x", inputs: [], config: { shape: [size], dtype: "float32" } },
    { className: "Dense", name: "y", inputs: ["x"], config: { units: size, useBias: false, activation: "linear" } },
  ];
  const matrix = (): NdArray<"float32"> => ({
    dtype: "float32",
    shape: [size, size],
    data: Float32Array.from({ length: size * size }, (_, i) => ((i * 2654435761) >>> 24) / 256),
  });
  const weights = new Map([["y", [{ name: "kernel", array: matrix() }]]]);
  const network: Network = { name: "product", layers, inputs: ["x"], outputs: ["y"], weights };
  const loaded = await onnx().load(network);
  const x = matrix();
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run++) {
    const start = performance.now();
    await loaded.run([x]);
    best = Math.min(best, performance.now() - start);
  }
  await loaded.dispose();
  return (2 * size ** 3) / best / 1e6;
}

/** Floating-point operations of the convolutions and dense layers for one picture: two for each weight and place. */
export function gigaflopsOf(topology: Topology): number {
  const shapes = inferShapes(topology);
  let operations = 0;
  for (const layer of topology.layers) {
    const from = shapes.get(layer.inputs[0] ?? "") ?? [];
    const places = (shapes.get(layer.name) ?? []).slice(0, -1).reduce<number>((all, axis) => all * (axis ?? 0), 1);
    const channels = Number(from.at(-1) ?? 0);
    if (layer.className === "Conv2D") {
      const { kernelSize, filters, groups } = layer.config;
      operations += (2 * places * kernelSize[0] * kernelSize[1] * filters * channels) / groups;
    } else if (layer.className === "DepthwiseConv2D") {
      const { kernelSize, depthMultiplier } = layer.config;
      operations += 2 * places * kernelSize[0] * kernelSize[1] * channels * depthMultiplier;
    } else if (layer.className === "Dense") {
      operations += 2 * places * layer.config.units * channels;
    }
  }
  return operations / 1e9;
}
