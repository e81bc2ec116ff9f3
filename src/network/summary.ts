import { sizeOf } from "../ndarray.js";
import type { RowShape } from "./layer-shape.js";
import type { Topology } from "./network.js";
import { inferShapes } from "./shapes.js";
import { isTrained } from "./statistics.js";
import { type WeightShape, weightShapes } from "./weight-shapes.js";

/**
 * Number of parameters of a network, as Keras's `count_params()`: all weights, trainable or not, shared ones once.
 *
 * @throws InvalidNetworkError if the graph or its shapes are not valid
 */
export function countParameters(topology: Topology): number {
  let total = 0;
  for (const weights of weightShapes(topology).values()) {
    for (const { shape } of weights) total += sizeOf(shape);
  }
  return total;
}

/**
 * A table of a network's layers for people: name and kind, output shape with the batch axis, number of parameters; below
 * it Keras's totals. A network has no models inside of it, as `loadKeras` lays them flat: each layer has a line of its own,
 * as with Keras's `summary(expand_nested=True)`, under the name that {@link cut} takes. Non-trainable are the statistics of
 * normalisations, and all weights of the layers in `frozen`, which {@link KerasNetwork} has.
 *
 * @throws InvalidNetworkError if the graph or its shapes are not valid
 */
export function summary(topology: Topology & { readonly frozen?: readonly string[] | undefined }): string {
  const shapes = inferShapes(topology);
  const weights = weightShapes(topology);
  const rows = topology.layers.map((layer) => [
    `${layer.name} (${layer.className})`,
    formatBatch(shapes.get(layer.name) ?? []),
    (weights.get(layer.name) ?? []).reduce((sum, { shape }) => sum + sizeOf(shape), 0).toLocaleString("en-US"),
  ]);
  const table = [["Layer (type)", "Output shape", "Parameters"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => (column === 2 ? cell.padStart(widths[2] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  "),
  );
  const rule = "-".repeat(Math.max(...lines.map((line) => line.length)));
  const [header, ...body] = lines;
  return [
    `Network: "${topology.name}"`,
    header,
    rule,
    ...body,
    rule,
    ...totals(weights, new Set(topology.frozen)),
  ].join("\n");
}

function totals(weights: ReadonlyMap<string, readonly WeightShape[]>, frozen: ReadonlySet<string>): readonly string[] {
  let total = 0;
  let trainable = 0;
  for (const [layer, own] of weights) {
    for (const weight of own) {
      const size = sizeOf(weight.shape);
      total += size;
      if (isTrained(weight) && !frozen.has(layer)) trainable += size;
    }
  }
  const counts = { "Total params": total, "Trainable params": trainable, "Non-trainable params": total - trainable };
  return Object.entries(counts).map(([what, count]) => `${what}: ${count.toLocaleString("en-US")}`);
}

function formatBatch(shape: RowShape): string {
  return `[${[null, ...shape].map((axis) => String(axis)).join(", ")}]`;
}
