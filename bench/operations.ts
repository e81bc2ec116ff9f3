import { inferShapes, type Topology } from "cnn-transfer";

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
