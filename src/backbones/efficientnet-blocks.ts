import type { GraphBuilder } from "./graph-builder.js";

/** An inverted residual block of EfficientNet, before anything is scaled. */
export interface BlockShape {
  readonly kernelSize: 3 | 5;
  readonly filters: number;
  /** How much wider the block is inside than its input. */
  readonly expansion: number;
  readonly strides: number;
}

/** In what the blocks of the two versions differ. */
export interface BlockStyle {
  /** Of batch normalizations. */
  readonly momentum: number;
  /** Adds the depthwise convolution, without bias. */
  depthwise(graph: GraphBuilder, from: string, block: BlockShape, prefix: string): string;
}

/** Rate of the dropout of whole blocks, at the last block. */
const dropRate = 0.2;

/**
 * Inverted residual block with squeeze-and-excite ("MBConv").
 *
 * @param prefix what the names of its layers begin with
 * @param depth share of the network that stands before it, 0..1
 */
export function mobileBlock(graph: GraphBuilder, input: string, { block, style, prefix, depth }: BlockOptions): string {
  const { momentum } = style;
  const inputFilters = graph.channelsOf(input);
  const inner = inputFilters * block.expansion;
  let x = input;
  if (block.expansion !== 1) {
    x = graph.conv2D(x, inner, 1, { padding: "same", useBias: false, name: `${prefix}expand_conv` });
    x = graph.batchNormalization(x, { momentum, name: `${prefix}expand_bn` });
    x = graph.activation(x, "silu", { name: `${prefix}expand_activation` });
  }
  x = style.depthwise(graph, x, block, prefix);
  x = graph.batchNormalization(x, { momentum, name: `${prefix}bn` });
  x = graph.activation(x, "silu", { name: `${prefix}activation` });
  x = squeezeAndExcite(graph, x, Math.max(1, Math.trunc(inputFilters * 0.25)), prefix);
  x = graph.conv2D(x, block.filters, 1, { padding: "same", useBias: false, name: `${prefix}project_conv` });
  x = graph.batchNormalization(x, { momentum, name: `${prefix}project_bn` });
  return withShortcut(graph, input, x, { block, prefix, depth });
}

/** Inverted residual block in which one convolution takes the place of expansion and depthwise convolution. */
export function fusedBlock(graph: GraphBuilder, input: string, { block, style, prefix, depth }: BlockOptions): string {
  const { kernelSize, strides, expansion, filters } = block;
  const { momentum } = style;
  const expanded = expansion !== 1;
  let x = input;
  if (expanded) {
    const inner = graph.channelsOf(input) * expansion;
    const name = `${prefix}expand_conv`;
    x = graph.conv2D(x, inner, kernelSize, { strides, padding: "same", useBias: false, name });
    x = graph.batchNormalization(x, { momentum, name: `${prefix}expand_bn` });
    x = graph.activation(x, "silu", { name: `${prefix}expand_activation` });
  }
  x = graph.conv2D(x, filters, expanded ? 1 : kernelSize, {
    strides: expanded ? 1 : strides,
    padding: "same",
    useBias: false,
    name: `${prefix}project_conv`,
  });
  x = graph.batchNormalization(x, { momentum, name: `${prefix}project_bn` });
  if (!expanded) x = graph.activation(x, "silu", { name: `${prefix}project_activation` });
  return withShortcut(graph, input, x, { block, prefix, depth });
}

/** What a block is made of, and where it stands. */
export interface BlockOptions {
  readonly block: BlockShape;
  readonly style: BlockStyle;
  readonly prefix: string;
  readonly depth: number;
}

function squeezeAndExcite(graph: GraphBuilder, input: string, squeezed: number, prefix: string): string {
  const filters = graph.channelsOf(input);
  let x = graph.globalAveragePooling2D(input, { name: `${prefix}se_squeeze` });
  x = graph.reshape(x, [1, 1, filters], { name: `${prefix}se_reshape` });
  x = graph.conv2D(x, squeezed, 1, { padding: "same", activation: "silu", name: `${prefix}se_reduce` });
  x = graph.conv2D(x, filters, 1, { padding: "same", activation: "sigmoid", name: `${prefix}se_expand` });
  return graph.product([input, x], { name: `${prefix}se_excite` });
}

function withShortcut(
  graph: GraphBuilder,
  input: string,
  output: string,
  { block, prefix, depth }: Omit<BlockOptions, "style">,
): string {
  if (block.strides !== 1 || graph.channelsOf(input) !== block.filters) return output;
  const kept = depth > 0 ? graph.dropout(output, dropRate * depth, { name: `${prefix}drop` }) : output;
  return graph.sum([kept, input], { name: `${prefix}add` });
}

/** Convolution, normalization, activation, as they stand behind the last block; then the classifier if it is wanted. */
export function efficientnetTop(
  graph: GraphBuilder,
  from: string,
  {
    filters,
    momentum,
    dropout,
    includeTop,
  }: { readonly filters: number; readonly momentum: number; readonly dropout: number; readonly includeTop: boolean },
): string {
  let x = graph.conv2D(from, filters, 1, { padding: "same", useBias: false, name: "top_conv" });
  x = graph.batchNormalization(x, { momentum, name: "top_bn" });
  x = graph.activation(x, "silu", { name: "top_activation" });
  if (!includeTop) return x;
  x = graph.globalAveragePooling2D(x, { name: "avg_pool" });
  x = graph.dropout(x, dropout, { name: "top_dropout" });
  return graph.dense(x, 1000, { activation: "softmax", name: "predictions" });
}

/** `block3b_`: the stage counts from 1, its blocks from a. */
export function blockPrefix(stage: number, block: number): string {
  return `block${stage + 1}${String.fromCharCode("a".charCodeAt(0) + block)}_`;
}
