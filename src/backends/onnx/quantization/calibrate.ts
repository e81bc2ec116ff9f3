import { crc32 } from "../../../checksum/crc32.node.js";
import { InvalidArgumentError, UnsupportedError } from "../../../errors.js";
import type { NdArray } from "../../../ndarray.js";
import type { Network } from "../../../network/network.js";
import { preprocessModesOf } from "../../../network/take-pixels.js";
import { weightsChecksum } from "../../../network/weights-checksum.js";
import type { CalibrationOptions, Int8Calibration, QuantizationQuality } from "../../quantizing-backend.js";
import type { OnnxGraph } from "../graph.js";
import { ActivationHistogram, type ActivationRange, type RangeMethod, rangeMethods } from "./activation-range.js";
import { biasCorrections, type Observe } from "./bias-corrections.js";
import { foldPixels } from "./fold-pixels.js";
import { groupPixels } from "./group-pixels.js";
import { normalizationsAsConvolutions } from "./normalizations-as-convolutions.js";
import { planQuantization, type QuantizationPlan } from "./plan-quantization.js";
import { qualityOf } from "./quality.js";
import { quantizeGraph } from "./quantize-graph.js";

/** Runs graphs on batches of their only input. */
export interface GraphRunner {
  /** Starts a session, has `action` run batches in it, and ends it. */
  within<T>(
    graph: OnnxGraph,
    action: (run: (batch: NdArray) => Promise<readonly NdArray<"float32">[]>) => Promise<T>,
  ): Promise<T>;
}

/** Pictures with which each layer alone is tried; its share of the error shows on few. */
const fewBatches = 2;

/**
 * Finds ranges and judges them: each method's graph of integers runs on the judging batches, and the one with the
 * smallest error is taken. Where that is not near enough, the means of the kernels' sums are put right in their biases.
 * Where that is not either, each kernel alone is put into integers, and those that lose most stay in float, as few as it
 * takes: 1, 2, 4, ... up to half of them.
 *
 * @param graph in float, folded
 * @param tiles whether the processor multiplies tiles of matrices
 * @throws UnsupportedError if that is not enough either, or there is no kernel
 */
export async function calibrate(
  network: Network,
  graph: OnnxGraph,
  runner: GraphRunner,
  options: CalibrationOptions,
  tiles: boolean,
): Promise<Int8Calibration> {
  const { rangeBatches, judgingBatches, signal, meanCosine = 0.998, minimumCosine = 0.99 } = options;
  const integer = normalizationsAsConvolutions(foldPixels(graph));
  const plan = planQuantization(integer);
  if (plan.kernels.length === 0) {
    throw new UnsupportedError(
      `Network "${network.name}" has no convolution or dense layer to compute in integers. Run it with \`precision: "float32"\`.`,
    );
  }
  let done = 0;
  let total = rangeBatches.length + (1 + rangeMethods.length) * judgingBatches.length;
  const count = <T>(value: T): T => {
    options.onProgress?.({ done: ++done, total });
    return value;
  };
  const outputsOf = (wanted: OnnxGraph, batches: readonly NdArray[]) =>
    runner.within(wanted, async (run) => {
      const results: (readonly NdArray<"float32">[])[] = [];
      for (const batch of batches) {
        signal?.throwIfAborted();
        results.push(count(await run(batch)));
      }
      return results;
    });

  const observe: Observe = (tensors, visit) => observeIn(graph, tensors, runner, rangeBatches, signal, count, visit);
  const histograms = await histogramsOf(plan, observe);
  const expected = await outputsOf(graph, judgingBatches);
  let corrections: ReadonlyMap<string, readonly number[]> = new Map();
  const judge = async (ranges: ReadonlyMap<string, ActivationRange>, inFloat: ReadonlySet<string>, batches: number) => {
    const rounded = quantizeGraph(integer, ranges, { inFloat, corrections, tiles });
    const received = await outputsOf(rounded, judgingBatches.slice(0, batches));
    return qualityOf(expected.slice(0, batches), received);
  };
  const isNear = (quality: QuantizationQuality) =>
    quality.meanCosine >= meanCosine && quality.minimumCosine >= minimumCosine;

  let best: { readonly method: RangeMethod; readonly quality: QuantizationQuality } | undefined;
  for (const method of rangeMethods) {
    const quality = await judge(rangesBy(histograms, method), new Set(), judgingBatches.length);
    if (best === undefined || quality.relativeError < best.quality.relativeError) best = { method, quality };
  }
  const { method } = best as NonNullable<typeof best>;
  let quality = (best as NonNullable<typeof best>).quality;
  const ranges = rangesBy(histograms, method);
  let inFloat: readonly string[] = [];
  if (!isNear(quality)) {
    total += rangeBatches.length + judgingBatches.length;
    corrections = await biasCorrections(integer, ranges, observe, rangeBatches);
    const better = await judge(ranges, new Set(), judgingBatches.length);
    if (better.relativeError < quality.relativeError) quality = better;
    else corrections = new Map();
  }
  if (!isNear(quality)) {
    const all = plan.kernels;
    total += all.length * Math.min(fewBatches, judgingBatches.length);
    const losses: { readonly kernel: string; readonly error: number }[] = [];
    for (const kernel of all) {
      const others = new Set(all.filter((other) => other !== kernel));
      losses.push({ kernel, error: (await judge(ranges, others, fewBatches)).relativeError });
    }
    losses.sort((a, b) => (b.error >= a.error ? 1 : -1));
    const half = Math.ceil(all.length / 2);
    for (let kept = 1; inFloat.length < half && !isNear(quality); kept = Math.min(2 * kept, half)) {
      total += judgingBatches.length;
      inFloat = losses.slice(0, kept).map(({ kernel }) => kernel);
      quality = await judge(ranges, new Set(inFloat), judgingBatches.length);
    }
  }
  if (!isNear(quality)) {
    throw new UnsupportedError(
      `Network "${network.name}" loses too much in 8-bit integers: on ${quality.images} pictures its values have a mean cosine of ${quality.meanCosine.toFixed(4)} with those in float32 (at least ${meanCosine} is asked for), the worst ${quality.minimumCosine.toFixed(4)} (${minimumCosine}), with ${inFloat.length} of ${plan.kernels.length} kernels in float32. Run it with \`precision: "float32"\`, or give more pictures, or others.`,
    );
  }
  return {
    formatVersion: 1,
    network: network.name,
    checksum: quantizationChecksum(network, plan),
    method,
    ranges: Object.fromEntries([...ranges].map(([tensor, { least, greatest }]) => [tensor, [least, greatest]])),
    inFloat,
    ...(corrections.size === 0 ? {} : { biasCorrections: Object.fromEntries(corrections) }),
    images: rangeBatches.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0),
    quality,
  };
}

/**
 * The graph of integers that a calibration stands for.
 *
 * @param graph in float, folded
 * @param tiles whether the processor multiplies tiles of matrices
 * @throws InvalidArgumentError if the calibration is another network's
 */
export function applyCalibration(
  network: Network,
  graph: OnnxGraph,
  calibration: Int8Calibration,
  tiles: boolean,
): OnnxGraph {
  const integer = normalizationsAsConvolutions(foldPixels(graph));
  const plan = planQuantization(integer);
  const checksum = quantizationChecksum(network, plan);
  if (calibration.formatVersion !== 1 || calibration.checksum !== checksum) {
    throw new InvalidArgumentError(
      `The calibration is of network "${calibration.network}" (crc32 ${calibration.checksum}), but "${network.name}" with these weights, outputs and preparation of pixels has crc32 ${checksum}. Calibrate it again.`,
    );
  }
  checkNames(network, calibration, plan);
  const ranges = Object.entries(calibration.ranges).map(([tensor, [least, greatest]]) => {
    if (least <= 0 && greatest >= 0 && Number.isFinite(greatest - least)) return [tensor, { least, greatest }] as const;
    throw new InvalidArgumentError(
      `The calibration of "${network.name}" has the range [${least}, ${greatest}] for "${tensor}": expected finite numbers around 0. Calibrate it again.`,
    );
  });
  const inFloat = new Set(calibration.inFloat);
  const corrections = new Map(Object.entries(calibration.biasCorrections ?? {}));
  return groupPixels(quantizeGraph(integer, new Map(ranges), { inFloat, corrections, tiles }));
}

/** What it says of tensors that are not there would be left out without a word. */
function checkNames(network: Network, calibration: Int8Calibration, { kernels, tensors }: QuantizationPlan): void {
  const { ranges, inFloat, biasCorrections = {} } = calibration;
  const stray = [
    ...Object.keys(ranges).filter((name) => !tensors.includes(name)),
    ...[...inFloat, ...Object.keys(biasCorrections)].filter((name) => !kernels.includes(name)),
  ];
  if (stray.length === 0 && Object.keys(ranges).length > 0) return;
  throw new InvalidArgumentError(
    `The calibration of "${network.name}" is damaged: it ${stray.length > 0 ? `names "${stray[0]}", which is nothing that is computed in integers` : "has no ranges"}. Calibrate it again.`,
  );
}

/** Shapes of what goes in: at another size of pictures, ranges and quality are others. */
function inputShapesOf(network: Network): readonly (readonly (number | null)[])[] {
  return network.layers.flatMap((layer) => (layer.className === "InputLayer" ? [layer.config.shape] : []));
}

/** CRC-32 of the weights, of how pixels are prepared, and of the names of what is computed in integers. */
export function quantizationChecksum(network: Network, { kernels, tensors }: QuantizationPlan): string {
  const text = JSON.stringify([
    weightsChecksum(network),
    preprocessModesOf(network),
    inputShapesOf(network),
    kernels,
    tensors,
  ]);
  return crc32(new TextEncoder().encode(text)).toString(16).padStart(8, "0");
}

async function observeIn(
  graph: OnnxGraph,
  tensors: readonly string[],
  runner: GraphRunner,
  batches: readonly NdArray[],
  signal: AbortSignal | undefined,
  count: <T>(value: T) => T,
  visit: (values: ReadonlyMap<string, NdArray<"float32">>) => void,
): Promise<void> {
  const looked = tensors.map((name) => ({ name, elementType: "float32", shape: undefined }) as const);
  await runner.within({ ...graph, outputs: looked }, async (run) => {
    for (const batch of batches) {
      signal?.throwIfAborted();
      const values = count(await run(batch));
      visit(new Map(tensors.map((name, i) => [name, values[i] as NdArray<"float32">])));
    }
  });
}

async function histogramsOf(
  { tensors }: QuantizationPlan,
  observe: Observe,
): Promise<ReadonlyMap<string, ActivationHistogram>> {
  const histograms = new Map(tensors.map((tensor) => [tensor, new ActivationHistogram()]));
  await observe(tensors, (values) => {
    for (const [tensor, histogram] of histograms) histogram.add(values.get(tensor)?.data as Float32Array);
  });
  return histograms;
}

function rangesBy(
  histograms: ReadonlyMap<string, ActivationHistogram>,
  method: RangeMethod,
): ReadonlyMap<string, ActivationRange> {
  const ranges = new Map<string, ActivationRange>();
  for (const [tensor, histogram] of histograms) {
    const range = histogram.range(method);
    if (range) ranges.set(tensor, { least: rounded(range.least), greatest: rounded(range.greatest) });
  }
  return ranges;
}

/** To three digits: on another machine, whose float32 values differ in the last ones, the same pictures give the same range. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
