import type { GraphNode } from "../graph.js";
import type { GraphBuilder } from "../graph-builder.js";
import { attributeNumber } from "./attributes.js";
import type { GraphWriter } from "./graph-writer.js";

/**
 * A weight is updated a part after the other: all the steps of an optimizer on one part find its numbers in the processor's
 * cache, where each step on a large weight as a whole would fetch them from memory again.
 */
const mostValues = 2 ** 17;

/** Some of the rows of a weight, along its first axis. */
export interface RowRange {
  readonly start: number;
  readonly count: number;
}

/** Divides the rows of a weight into parts that are updated one after the other. */
export function updateParts(shape: readonly number[]): readonly RowRange[] {
  const [rows = 1, ...row] = shape;
  const rowSize = row.reduce((size, next) => size * next, 1);
  const count = Math.max(1, Math.min(rows, Math.floor(mostValues / rowSize)));
  return Array.from({ length: Math.ceil(rows / count) }, (_, part) => ({
    start: part * count,
    count: Math.min(count, rows - part * count),
  }));
}

/** Adds the parts of a gradient. */
export function splitGradient(
  builder: GraphBuilder,
  writer: GraphWriter,
  gradient: string,
  parts: readonly RowRange[],
): readonly string[] {
  if (parts.length === 1) return [gradient];
  const sizes = writer.integers(parts.map(({ count }) => count));
  const product = builder.nodes.findIndex(({ outputs }) => outputs.includes(gradient));
  const node = builder.nodes[product] as GraphNode;
  const isUsed = builder.nodes.some(({ inputs }) => inputs.includes(gradient));
  if (node.operator !== "Gemm" || attributeNumber(node, "transA") !== 1 || isUsed) {
    return writer.nodeOf(parts.length, "Split", [gradient, sizes], { axis: { int: 0 } });
  }
  // The product of each part by itself: its numbers need not leave the cache between the product and the update.
  builder.nodes.splice(product, 1);
  const [x, slope] = node.inputs as readonly [string, string];
  const columns = writer.nodeOf(parts.length, "Split", [x, sizes], { axis: { int: 1 } });
  return columns.map((column) => writer.node("Gemm", [column, slope], { transA: { int: 1 } }));
}
