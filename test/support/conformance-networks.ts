import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type NdArray, type Shape, sizeOf } from "../../src/ndarray.js";
import type { Network, NetworkWeights, Topology } from "../../src/network/network.js";
import { weightShapes } from "../../src/network/weight-shapes.js";
import { createRandom } from "../../src/random.js";

/** One of the networks of test/fixtures/conformance, with what real Keras computes for it. */
export interface ConformanceNetwork {
  readonly name: string;
  readonly about: string;
  readonly network: Network;
  /** Inputs of some rows, and for each of the network's outputs what Keras makes of them. */
  readonly cases: readonly { readonly inputs: readonly NdArray[]; readonly outputs: readonly NdArray<"float32">[] }[];
}

interface Description {
  readonly about: string;
  readonly seed: number;
  readonly rows: number;
  readonly inputShapes: readonly (readonly Shape[])[];
  readonly topology: Topology;
}

interface Golden {
  readonly cases: readonly (readonly { readonly shape: Shape; readonly data: string }[])[];
}

const folder = path.resolve(import.meta.dirname, "../fixtures/conformance");

/** All conformance networks, by name. */
export function loadConformanceNetworks(): readonly ConformanceNetwork[] {
  const names = readdirSync(folder).filter((file) => file.endsWith(".json"));
  return names.sort().map((file) => {
    const { about, seed, rows, inputShapes, topology } = read<Description>(file);
    const golden = read<Golden>(path.join("golden", file));
    return {
      name: file.replace(/\.json$/, ""),
      about,
      network: { ...topology, weights: conformanceWeights(topology, seed) },
      cases: inputShapes.map((shapes, i) => ({
        inputs: conformanceInputs(topology, shapes, rows, seed),
        outputs: (golden.cases[i] ?? []).map(({ shape, data }) => ({ dtype: "float32", shape, data: floats(data) })),
      })),
    };
  });
}

/** Weights by the rule that conformance_networks.py states. */
export function conformanceWeights(topology: Topology, seed: number): NetworkWeights {
  const random = createRandom(seed);
  const classNames = new Map(topology.layers.map(({ name, className }) => [name, className]));
  return new Map(
    [...weightShapes(topology)].map(([layer, weights]) => [
      layer,
      weights.map(({ name, shape }) => {
        const fanInAxes = classNames.get(layer) === "DepthwiseConv2D" ? shape.slice(0, 2) : shape.slice(0, -1);
        const scale = name === "kernel" ? Math.sqrt(12 / sizeOf(fanInAxes)) : 1;
        const offset = ["gamma", "moving_variance", "variance"].includes(name) ? 0.5 : -0.5;
        const data = Float32Array.from({ length: sizeOf(shape) }, () => (random.double() + offset) * scale);
        return { name, array: { dtype: "float32", shape, data } as const };
      }),
    ]),
  );
}

/** Inputs by the rule that conformance_networks.py states. */
export function conformanceInputs(
  topology: Topology,
  shapes: readonly Shape[],
  rows: number,
  seed: number,
): readonly NdArray[] {
  const preprocessed = new Set(
    topology.layers.filter(({ className }) => className === "PreprocessInput").flatMap(({ inputs }) => inputs),
  );
  return topology.inputs.map((name, i): NdArray => {
    const layer = topology.layers.find((candidate) => candidate.name === name);
    const shape = [rows, ...(shapes[i] ?? [])];
    const random = createRandom(seed + 1 + i);
    const length = sizeOf(shape);
    if (layer?.className === "InputLayer" && layer.config.dtype === "uint8") {
      return { dtype: "uint8", shape, data: Uint8Array.from({ length }, () => Math.floor(256 * random.double())) };
    }
    const draw = preprocessed.has(name) ? () => 255 * random.double() : () => 4 * random.double() - 2;
    return { dtype: "float32", shape, data: Float32Array.from({ length }, draw) };
  });
}

/** The rows with these numbers, in this order. */
export function takeRows<A extends NdArray>(array: A, rows: readonly number[]): A {
  const size = sizeOf(array.shape.slice(1));
  const Data = array.data.constructor as new (length: number) => typeof array.data;
  const data = new Data(rows.length * size);
  rows.forEach((row, i) => {
    data.set(array.data.subarray(row * size, (row + 1) * size) as never, i * size);
  });
  return { ...array, shape: [rows.length, ...array.shape.slice(1)], data };
}

/** Greatest difference between two arrays, divided by the greatest value of the second. */
export function relativeError(actual: NdArray<"float32">, expected: NdArray<"float32">): number {
  let difference = 0;
  let scale = 0;
  expected.data.forEach((value, i) => {
    // NaN where there is no value, so that a missing one cannot pass.
    difference = Math.max(difference, Math.abs((actual.data[i] ?? Number.NaN) - value));
    scale = Math.max(scale, Math.abs(value));
  });
  return difference / scale;
}

function read<T>(file: string): T {
  return JSON.parse(readFileSync(path.join(folder, file), "utf8")) as T;
}

function floats(base64: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(base64, "base64"));
  return new Float32Array(bytes.buffer);
}
