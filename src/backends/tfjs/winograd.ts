import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { Shape4D, Window } from "./convolution-window.js";
import type { KernelComposer } from "./kernel-composer.js";
import { type HeapMatrix, multiplyInHeap, type ProductSize, workspaceNumbers } from "./simd/multiply.js";
import type { SimdKernels, WasmHeap } from "./simd/simd-kernels.js";

/** What a convolution of ours computes with. */
export interface WinogradParts {
  readonly kernels: KernelComposer;
  readonly simd: SimdKernels;
  readonly heap: WasmHeap;
}

/** Bytes that the transformed values of a part of the batch may take; what is larger is computed in several parts. */
const partBytes = 32 * 2 ** 20;
/** Fewer channels than these are not worth the transforms. */
const leastChannels = 16;
/** A plane of transformed values starts on another line of the cache than the one before it. */
const gap = 16;
const planes = Array.from({ length: 16 }, (_, plane) => plane);

/** Whether a convolution, or its gradients, can be and are worth to be computed so. */
export function suitsWinograd({ size, strides, output, before }: Window, channels: number, filters: number): boolean {
  return (
    [...size, ...strides].join() === "3,3,1,1" &&
    [channels, filters].every((count) => count % 4 === 0 && count >= leastChannels) &&
    [...output, ...before.map((count) => 3 - count)].every((count) => count > 0)
  );
}

/**
 * A convolution by 3x3 with 4/9 of its multiplications: squares of 4x4 pixels are transformed, multiplied number by number
 * with the transformed kernel, for all channels together as 16 matrix products, and transformed back to 2x2 pixels.
 *
 * Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1.
 *
 * @param x `[batch, height, width, channels]`, or filters where the kernel is turned
 * @param kernel `[3, 3, channels, filters]`
 * @param turned whether to use the kernel upside down, from filters to channels, as a gradient of the image does
 */
export function convolveByWinograd(
  { kernels, simd, heap }: WinogradParts,
  x: TensorInfo,
  kernel: TensorInfo,
  { output, before }: Pick<Window, "output" | "before">,
  turned: boolean,
): TensorInfo {
  const [, , channels, filters] = kernel.shape as Shape4D;
  const [depth, columns] = turned ? [filters, channels] : [channels, filters];
  const at = (value: TensorInfo) => heap.getMemoryOffset(value.dataId);
  const tiling = tilingOf(x.shape as Shape4D, output, depth + columns);
  const image = padTo(kernels, x, before, tiling.reach);
  const result = kernels.make([tiling.batch, 2 * tiling.down, 2 * tiling.across, columns]);

  const taps = channels * filters;
  const kernelPlane = taps + gap;
  const turnedKernel = kernels.make([16, kernelPlane]);
  const [first, tap] = turned ? [at(kernel) + 4 * 8 * taps, -4 * taps] : [at(kernel), 4 * taps];
  simd.winogradKernel(first, at(turnedKernel), 1, 0, 0, 4 * taps, 3 * tap, tap, 16 * kernelPlane, 4 * kernelPlane);

  const [inPlane, outPlane] = [depth, columns].map((count) => tiling.mostTiles * count + gap) as [number, number];
  const size = { rows: tiling.mostTiles, depth, columns };
  const [from, to, workspace] = [
    kernels.make([16, inPlane]),
    kernels.make([16, outPlane]),
    kernels.make([workspaceNumbers(size)]),
  ];
  for (const part of tiling.parts) {
    transformLines(simd, "winogradInput", at(image), at(from), tiling, part, depth, inPlane);
    for (const plane of planes) {
      const right = at(turnedKernel) + 4 * plane * kernelPlane;
      multiplyInHeap(
        simd,
        rowsOf(at(from) + 4 * plane * inPlane, depth),
        turned ? columnsOf(right, filters) : rowsOf(right, filters),
        at(to) + 4 * plane * outPlane,
        { ...size, rows: part.lines * tiling.across },
        at(workspace),
      );
    }
    transformLines(simd, "winogradOutput", at(to), at(result), tiling, part, columns, outPlane);
  }
  for (const value of [from, to, workspace, turnedKernel]) kernels.free(value);
  if (output[0] % 2 === 0 && output[1] % 2 === 0) return result;
  return kernels.run("Slice", { x: result }, { begin: [0, 0, 0, 0], size: [tiling.batch, ...output, columns] });
}

/**
 * The gradient of the kernel of such a convolution.
 *
 * @param x `[batch, height, width, channels]`
 * @param dy `[batch, output height, output width, filters]`
 * @returns `[3, 3, channels, filters]`
 */
export function kernelGradientByWinograd(
  { kernels, simd, heap }: WinogradParts,
  x: TensorInfo,
  dy: TensorInfo,
  { output, before }: Pick<Window, "output" | "before">,
): TensorInfo {
  const channels = x.shape[3] as number;
  const filters = dy.shape[3] as number;
  const at = (value: TensorInfo) => heap.getMemoryOffset(value.dataId);
  const tiling = tilingOf(x.shape as Shape4D, output, channels + filters);
  const image = padTo(kernels, x, before, tiling.reach);
  const gradient = padTo(kernels, dy, [0, 0], [2 * tiling.down, 2 * tiling.across]);

  const taps = channels * filters;
  const kernelPlane = taps + gap;
  const sums = kernels.make([16, kernelPlane]);
  const [xPlane, dyPlane] = [channels, filters].map((count) => tiling.mostTiles * count + gap) as [number, number];
  const size = (depth: number): ProductSize => ({ rows: channels, depth, columns: filters });
  const [fromX, fromDy, workspace] = [
    kernels.make([16, xPlane]),
    kernels.make([16, dyPlane]),
    kernels.make([workspaceNumbers(size(tiling.mostTiles))]),
  ];
  for (const [index, part] of tiling.parts.entries()) {
    transformLines(simd, "winogradInput", at(image), at(fromX), tiling, part, channels, xPlane);
    transformLines(simd, "winogradOutputGradient", at(gradient), at(fromDy), tiling, part, filters, dyPlane);
    for (const plane of planes) {
      multiplyInHeap(
        simd,
        columnsOf(at(fromX) + 4 * plane * xPlane, channels),
        rowsOf(at(fromDy) + 4 * plane * dyPlane, filters),
        at(sums) + 4 * plane * kernelPlane,
        size(part.lines * tiling.across),
        at(workspace),
        index > 0,
      );
    }
  }
  for (const value of [fromX, fromDy, workspace]) kernels.free(value);
  const result = kernels.make([3, 3, channels, filters]);
  const tap = 4 * taps;
  simd.winogradKernelGradient(at(sums), at(result), 1, 0, 0, tap, 16 * kernelPlane, 4 * kernelPlane, 3 * tap, tap);
  return result;
}

/** Some lines of squares, counted over all images of the batch. */
interface Part {
  readonly first: number;
  readonly lines: number;
}

/** How a batch is cut into squares of 2x2 pixels of the output. */
interface Tiling {
  readonly batch: number;
  readonly down: number;
  readonly across: number;
  /** Height and width of the image that they look at. */
  readonly reach: [number, number];
  readonly parts: readonly Part[];
  readonly mostTiles: number;
}

function tilingOf([batch]: Shape4D, output: readonly [number, number], channels: number): Tiling {
  const [down, across] = output.map((length) => Math.ceil(length / 2)) as [number, number];
  const all = batch * down;
  const atOnce = Math.min(all, Math.max(1, Math.floor(partBytes / (4 * planes.length * across * channels))));
  const parts: Part[] = [];
  for (let first = 0; first < all; first += atOnce) parts.push({ first, lines: Math.min(atOnce, all - first) });
  return { batch, down, across, reach: [2 * down + 2, 2 * across + 2], parts, mostTiles: atOnce * across };
}

/** Transforms between an image, of which each call takes one line of squares, and 16 planes. */
function transformLines(
  simd: SimdKernels,
  transform: "winogradInput" | "winogradOutput" | "winogradOutputGradient",
  from: number,
  to: number,
  { down, across, reach }: Tiling,
  { first, lines }: Part,
  channels: number,
  plane: number,
): void {
  const pixel = 4 * channels;
  const [height, width] = transform === "winogradInput" ? reach : [2 * down, 2 * across];
  for (let line = 0; line < lines; line++) {
    const image = Math.floor((first + line) / down);
    const pixels = (image * height + 2 * ((first + line) % down)) * width * pixel;
    const values = line * across * pixel;
    if (transform === "winogradOutput") {
      simd[transform](
        from + values,
        to + pixels,
        across,
        pixel,
        2 * pixel,
        pixel,
        16 * plane,
        4 * plane,
        width * pixel,
        pixel,
      );
    } else {
      simd[transform](
        from + pixels,
        to + values,
        across,
        2 * pixel,
        pixel,
        pixel,
        width * pixel,
        pixel,
        16 * plane,
        4 * plane,
      );
    }
  }
}

/** The image with zeros before and after, up to this height and width. */
function padTo(
  kernels: KernelComposer,
  x: TensorInfo,
  before: readonly [number, number],
  reach: readonly [number, number],
): TensorInfo {
  const sides = before.map((count, axis) => [count, (reach[axis] as number) - (x.shape[axis + 1] as number) - count]);
  if (sides.flat().every((count) => count === 0)) return x;
  return kernels.run("PadV2", { x }, { paddings: [[0, 0], ...sides, [0, 0]] as never, constantValue: 0 });
}

const rowsOf = (address: number, length: number): HeapMatrix => ({ address, rowStride: length, columnStride: 1 });
const columnsOf = (address: number, length: number): HeapMatrix => ({ address, rowStride: 1, columnStride: length });
