import { sizeOf } from "../ndarray.js";
import type { RowShape } from "./layer-shape.js";
import type { Topology } from "./network.js";
import { inferShapes } from "./shapes.js";
import { weightShapes } from "./weight-shapes.js";

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
 * it the total.
 *
 * @throws InvalidNetworkError if the graph or its shapes are not valid
 */
export function summary(topology: Topology): string {
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
    `Total parameters: ${countParameters(topology).toLocaleString("en-US")}`,
  ].join("\n");
}

function formatBatch(shape: RowShape): string {
  return `[${[null, ...shape].map((axis) => String(axis)).join(", ")}]`;
}
