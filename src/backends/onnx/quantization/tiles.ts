import type { GraphNode, Initializer } from "../graph.js";

/** Filters from which on tiles of matrices are the faster way. */
const leastFilters = 128;
/** The same of the products that one value of the output sums: where these are of one place, and where of a window. */
const leastProducts = { ofPlace: 512, ofWindow: 1024 };

/**
 * Whether a convolution is to be computed as a product of matrices where the processor has instructions for tiles of them
 * (Intel AMX). ONNX Runtime has such a product, but takes for kernels whose zero is 0 a convolution of its own that has
 * no tiles; of a kernel whose zero is 1 it makes the product. Where a value sums few products, gathering them costs more
 * than tiles gain: docs/performance.md.
 */
export function isForTiles({ attributes }: GraphNode, kernel: Initializer): boolean {
  const { group } = attributes;
  if (group !== undefined && "int" in group && group.int !== 1) return false;
  const filters = kernel.shape[kernel.permutation?.[0] ?? 0] as number;
  const products = kernel.data.length / filters;
  const channels = kernel.shape[kernel.permutation?.[1] ?? 1] as number;
  const least = products === channels ? leastProducts.ofPlace : leastProducts.ofWindow;
  return filters >= leastFilters && products >= least;
}
