import { describe, expect, test } from "vitest";
import { encodeModel } from "../../src/backends/onnx/encode-model.js";
import type { OnnxGraph } from "../../src/backends/onnx/graph.js";
import { lower } from "../../src/backends/onnx/lower.js";
import { foldIntoConvolutions } from "../../src/backends/onnx/quantization/fold-into-convolutions.js";
import { foldPixels } from "../../src/backends/onnx/quantization/fold-pixels.js";
import { groupPixels } from "../../src/backends/onnx/quantization/group-pixels.js";
import { planQuantization } from "../../src/backends/onnx/quantization/plan-quantization.js";
import { quantizeGraph } from "../../src/backends/onnx/quantization/quantize-graph.js";
import { Session } from "../../src/backends/onnx/session.node.js";
import {
  featureNetwork,
  type Layer,
  type NdArray,
  type PreprocessMode,
  randomWeights,
  type Topology,
} from "../../src/index.js";
import { createRandom } from "../../src/random.js";
import { relativeError } from "../support/conformance-networks.js";

/** A graph that takes pictures, and some for it. */
interface Case {
  readonly graph: OnnxGraph;
  readonly pixels: NdArray<"uint8">;
}

type Convolution = Layer<"Conv2D">["config"];

const convolution = (filters: number, kernelSize: readonly [number, number]): Convolution => ({
  filters,
  kernelSize,
  strides: [1, 1],
  dilationRate: [1, 1],
  padding: "same",
  groups: 1,
  useBias: true,
  activation: "linear",
});

/** A network of these layers, which begin at "picture" and end in "end", with a convolution behind them. */
function caseOf(layers: readonly Layer[], imageSize: readonly [number, number], preprocess: PreprocessMode): Case {
  const topology: Topology = {
    name: "small",
    layers: [
      { className: "InputLayer", name: "picture", inputs: [], config: { shape: [...imageSize, 3], dtype: "float32" } },
      ...layers,
      { className: "Conv2D", name: "behind", inputs: ["end"], config: convolution(4, [3, 3]) },
    ],
    inputs: ["picture"],
    outputs: ["behind"],
  };
  const network = { ...topology, weights: randomWeights(topology, 5) };
  const features = featureNetwork(network, { layers: ["behind"], pooling: "none", preprocess, imageSize }).network;
  const random = createRandom(6);
  const shape = [2, ...imageSize, 3];
  const data = Uint8Array.from({ length: 2 * 3 * imageSize[0] * imageSize[1] }, () => random.integerBelow(256));
  const graph = foldIntoConvolutions(lower(features, features.outputs));
  return { graph: foldPixels(graph), pixels: { dtype: "uint8", shape, data } };
}

async function run({ graph, pixels }: Case, tensors?: readonly string[]): Promise<readonly NdArray<"float32">[]> {
  const outputs = tensors?.map((name) => ({ name, elementType: "float32", shape: undefined }) as const);
  const shown = { ...graph, outputs: outputs ?? graph.outputs };
  const [inputNames = [], outputNames = []] = [shown.inputs, shown.outputs].map((all) => all.map(({ name }) => name));
  const model = { bytes: encodeModel(shown), inputs: inputNames, outputs: outputNames };
  const session = await Session.start(model, { threads: 1, spinning: false });
  try {
    return await session.run([pixels]);
  } finally {
    await session.dispose();
  }
}

/** The same in integers, with ranges of all that its pictures show. */
async function quantized(float: Case): Promise<Case> {
  const { tensors } = planQuantization(float.graph);
  const seen = await run(float, tensors);
  const ranges = tensors.map((tensor, i) => {
    const { data } = seen[i] as NdArray<"float32">;
    const [least, greatest] = [Math.min, Math.max].map((better) => data.reduce((a, b) => better(a, b), 0));
    return [tensor, { least: least as number, greatest: greatest as number }] as const;
  });
  return { ...float, graph: quantizeGraph(float.graph, new Map(ranges)) };
}

describe("the first convolution of a picture of any width takes pixels four by four, to the same bits", () => {
  test.each([
    { size: [6, 5], kernel: [3, 3], stride: 1, padding: "same", preprocess: "caffe" },
    { size: [9, 10], kernel: [1, 1], stride: 1, padding: "valid", preprocess: "none" },
    { size: [12, 7], kernel: [2, 7], stride: 1, padding: "valid", preprocess: "torch" },
    { size: [17, 27], kernel: [5, 4], stride: 2, padding: "same", preprocess: "tf" },
    { size: [21, 22], kernel: [6, 3], stride: 2, padding: "valid", preprocess: "torch" },
    { size: [67, 67], kernel: [11, 11], stride: 4, padding: "valid", preprocess: "caffe" },
    { size: [23, 31], kernel: [7, 7], stride: 4, padding: "same", preprocess: "tf" },
  ] as const)("$size with $kernel, stride $stride, $padding, $preprocess", async ({ size, preprocess, ...given }) => {
    const { kernel, stride, padding } = given;
    const strides = [stride, stride] as const;
    const config: Convolution = { ...convolution(5, kernel), strides, padding, activation: "relu" };
    const float = caseOf([{ className: "Conv2D", name: "end", inputs: ["picture"], config }], size, preprocess);
    const plain = await quantized(float);
    const grouped = groupPixels(plain.graph);
    expect(grouped.nodes.length).toBeGreaterThan(plain.graph.nodes.length);
    expect(await run({ ...plain, graph: grouped })).toEqual(await run(plain));
  });

  test.each([
    ["a stride of three", { strides: [3, 3] }],
    ["dilations", { dilationRate: [2, 2] }],
  ] as const)("but with %s stays as it was", async (_, other) => {
    const config: Convolution = { ...convolution(5, [3, 3]), activation: "relu", ...other };
    const layers: readonly Layer[] = [{ className: "Conv2D", name: "end", inputs: ["picture"], config }];
    const plain = await quantized(caseOf(layers, [20, 20], "torch"));
    expect(groupPixels(plain.graph).nodes).toEqual(plain.graph.nodes);
  });
});

test.each([3, 5, -1, -1.5])(
  "x * clip(x + %d, 0, 6) / 6 comes near to float32 in integers, also where it is no hard swish",
  async (offset) => {
    const layers: readonly Layer[] = [
      { className: "Conv2D", name: "x", inputs: ["picture"], config: convolution(6, [3, 3]) },
      { className: "Rescaling", name: "sum", inputs: ["x"], config: { scale: 1, offset } },
      {
        className: "ReLU",
        name: "bounded",
        inputs: ["sum"],
        config: { maxValue: 6, negativeSlope: 0, threshold: 0 },
      },
      { className: "Rescaling", name: "gate", inputs: ["bounded"], config: { scale: 1 / 6, offset: 0 } },
      { className: "Multiply", name: "end", inputs: ["x", "gate"], config: {} },
    ];
    const float = caseOf(layers, [16, 16], "torch");
    const [expected] = await run(float);
    const [received] = await run(await quantized(float));
    expect(relativeError(received as NdArray<"float32">, expected as NdArray<"float32">)).toBeLessThan(0.1);
  },
);
