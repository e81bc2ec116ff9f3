import type { ConvolutionSettings } from "../../operations.js";
import type { GraphBuilder } from "../graph-builder.js";
import { GraphWriter } from "./graph-writer.js";

type Pair = readonly [number, number];
type Matrix = readonly (readonly number[])[];

/** A convolution by 3x3 that moves by single pixels, over images of known size. */
export interface WinogradConvolution {
  readonly channels: number;
  readonly filters: number;
  /** Height and width of the images, and of what they come to. */
  readonly input: Pair;
  readonly output: Pair;
  /** Zeros above the image and to its left. */
  readonly before: Pair;
}

/** A transform along one axis, with a name for its constants. */
export interface WinogradTransform {
  readonly name: string;
  readonly matrix: Matrix;
}

// F(2x2, 3x3): output = ofOutput [(ofKernel of the kernel) * (ofImage of 4x4 pixels)], each along both axes.
const ofImage: Matrix = [
  [1, 0, -1, 0],
  [0, 1, 1, 0],
  [0, -1, 1, 0],
  [0, 1, 0, -1],
];
const ofKernel: Matrix = [
  [1, 0, 0],
  [0.5, 0.5, 0.5],
  [0.5, -0.5, 0.5],
  [0, 0, 1],
];
const ofOutput: Matrix = [
  [1, 1, 1, 0],
  [0, 1, -1, -1],
];
/** Row of `ofKernel` that gives, of a kernel upside down, what each gives of the kernel. */
const turned = [3, 1, 2, 0] as const;

/** Each along one axis; those of the name `turned` belong to the kernel upside down, transformed as it is. */
export const winogradTransforms = {
  image: { name: "image", matrix: ofImage },
  kernel: { name: "kernel", matrix: ofKernel },
  output: { name: "output", matrix: ofOutput },
  turnedImage: { name: "turned_image", matrix: turned.map((row) => ofImage[row] as readonly number[]) },
  turnedOutput: { name: "turned_output", matrix: ofOutput.map((row) => turned.map((column) => row[column] as number)) },
  outputGradient: { name: "output_gradient", matrix: turnedOver(ofOutput) },
  kernelGradient: { name: "kernel_gradient", matrix: turnedOver(ofKernel) },
} satisfies Record<string, WinogradTransform>;

/** Of fewer channels or filters the transforms take longer than the products that they save. */
const leastChannels = 8;

/**
 * Larger images gain little, and the transformed ones, which a step keeps, take four times the memory. Each side counts, as the
 * transform of a line of pixels is a product with a matrix of its length.
 */
const longestSide = 32;

/**
 * The convolution, if it can be and is worth to be computed by its transforms: where its kernel changes with each step. Of a
 * kernel that stands still ONNX Runtime has a faster way.
 */
export function winogradConvolution(
  { kernel, strides, dilations, padding, inputSize }: ConvolutionSettings,
  groups: number,
): WinogradConvolution | undefined {
  const [height, width] = inputSize;
  const [rows, columns, channels = 0, filters = 0] = kernel.shape;
  if ([rows, columns, ...strides, ...dilations, groups].join() !== "3,3,1,1,1,1,1") return undefined;
  if (height === null || width === null || Math.max(height, width) > longestSide) return undefined;
  if (Math.min(channels, filters) < leastChannels) return undefined;
  const before = padding === "same" ? 1 : 0;
  const output: Pair = [height + 2 * before - 2, width + 2 * before - 2];
  if (output.some((size) => size < 1)) return undefined;
  return { channels, filters, input: [height, width], output, before: [before, before] };
}

/**
 * Adds a convolution of images `[batch, channels, height, width]` with 4/9 of its multiplications: squares of 4x4 pixels are
 * transformed, multiplied number by number with the transformed kernel, for all channels together as 16 products of
 * matrices, and transformed back to 2x2 pixels. Every part is a product of matrices or a change of order, and the kernel
 * stays in Keras's order.
 *
 * Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1.
 *
 * @param kernel `[9, channels * filters]`
 * @param bias `[filters]`
 */
export function addWinogradConvolution(
  builder: GraphBuilder,
  layer: string,
  convolution: WinogradConvolution,
  [image, kernel, bias]: readonly [image: string, kernel: string, bias: string | undefined],
): string {
  const w = new GraphWriter(builder, layer);
  const { channels, filters, input, output, before } = convolution;
  const tiles = tilesOf(w, image, winogradTransforms.image, { channels, size: input, before, tiles: tilesIn(output) });
  const transformed = w.node("Reshape", [
    alongBoth(w, winogradTransforms.kernel, kernel),
    w.integers([16, channels, filters]),
  ]);
  const product = w.node("MatMul", [tiles, transformed]);
  const images = imagesOf(w, product, winogradTransforms.output, { channels: filters, size: output });
  const result = bias === undefined ? images : w.node("Add", [images, w.node("Unsqueeze", [bias, w.integers([1, 2])])]);
  return builder.group({
    operator: "Winograd",
    inputs: [image, kernel, ...(bias === undefined ? [] : [bias])],
    outputs: [result, tiles, transformed],
    attributes: {
      channels: { int: channels },
      filters: { int: filters },
      input: { ints: input },
      output: { ints: output },
      before: { ints: before },
    },
  });
}

/** How many squares of 2x2 pixels cover an image. */
export function tilesIn([height, width]: Pair): Pair {
  return [Math.ceil(height / 2), Math.ceil(width / 2)];
}

/**
 * Transforms squares of images `[batch, channels, height, width]`, of which each begins two pixels behind the one before it,
 * to `[16, squares, channels]`. Pixels outside are zeros.
 */
export function tilesOf(
  w: GraphWriter,
  images: string,
  transform: WinogradTransform,
  {
    channels,
    size: [height, width],
    before,
    tiles: [down, across],
  }: { readonly channels: number; readonly size: Pair; readonly before: Pair; readonly tiles: Pair },
): string {
  // Each product takes the last axis away and puts what it comes to in front.
  const lines = (size: number, count: number, zeros: number, shape: readonly number[]) =>
    constant(w, `${transform.name}/${[size, zeros, ...shape].join()}`, banded(transform, size, count, zeros), shape);
  const ofRows = w.node("Reshape", [images, w.integers([-1, width])]);
  const columns = w.node("Gemm", [lines(width, across, before[1], [4 * across, width]), ofRows], {
    transB: { int: 1 },
  });
  const ofColumns = w.node("Reshape", [columns, w.integers([1, 4, -1, height])]);
  const both = w.node("MatMul", [
    lines(height, down, before[0], [4, 1, down, height]),
    // ONNX Runtime reads it so in the product, and moves nothing.
    w.node("Transpose", [ofColumns], { perm: { ints: [0, 1, 3, 2] } }),
  ]);
  return w.node("Reshape", [both, w.integers([16, -1, channels])]);
}

/** Transforms `[16, squares, channels]` to images `[batch, channels, height, width]` of squares of 2x2 pixels. */
export function imagesOf(
  w: GraphWriter,
  tiles: string,
  transform: WinogradTransform,
  { channels, size }: { readonly channels: number; readonly size: Pair },
): string {
  const [height, width] = size;
  const [down, across] = tilesIn(size);
  const pixels = alongBoth(w, transform, w.node("Reshape", [tiles, w.integers([16, -1])]));
  const apart = w.node("Reshape", [pixels, w.integers([2, 2, down, across, -1])]);
  const inPlace = w.node("Transpose", [apart], { perm: { ints: [2, 0, 3, 1, 4] } });
  let whole = inPlace;
  if (height % 2 === 1 || width % 2 === 1) {
    const joined = w.node("Reshape", [inPlace, w.integers([2 * down, 2 * across, -1])]);
    whole = w.node("Slice", [joined, w.integers([0, 0]), w.integers(size), w.integers([0, 1])]);
  }
  const flat = w.node("Reshape", [whole, w.integers([height * width, -1])]);
  const channelsFirst = w.node("Transpose", [flat], { perm: { ints: [1, 0] } });
  return w.node("Reshape", [channelsFirst, w.integers([-1, channels, height, width])]);
}

/** Transforms squares along both axes, which lie in the first axis of a matrix. */
export function alongBoth(w: GraphWriter, { name, matrix }: WinogradTransform, squares: string): string {
  const both = matrix.flatMap((a) => matrix.map((b) => a.flatMap((x) => b.map((y) => x * y))));
  return w.node("Gemm", [constant(w, `${name}/both`, both, [both.length, both[0]?.length ?? 0]), squares]);
}

/** For each row of a transform, for each square, what it takes of a line of pixels. */
function banded({ matrix }: WinogradTransform, size: number, tiles: number, before: number): Matrix {
  return matrix.flatMap((row) =>
    Array.from({ length: tiles }, (_, tile) =>
      Array.from({ length: size }, (_, pixel) => row[pixel + before - 2 * tile] ?? 0),
    ),
  );
}

function constant(w: GraphWriter, name: string, matrix: Matrix, shape: readonly number[]): string {
  return w.floats(`winograd/${name}`, Float32Array.from(matrix.flat()), shape);
}

function turnedOver(matrix: Matrix): Matrix {
  return (matrix[0] ?? []).map((_, column) => matrix.map((row) => row[column] as number));
}
