import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { encodeModel } from "../../src/backends/onnx/encode-model.js";
import type { GraphNode, OnnxGraph } from "../../src/backends/onnx/graph.js";
import { lower } from "../../src/backends/onnx/lower.js";
import { biasCorrections, type Observe } from "../../src/backends/onnx/quantization/bias-corrections.js";
import { foldIntoConvolutions } from "../../src/backends/onnx/quantization/fold-into-convolutions.js";
import { foldPixels } from "../../src/backends/onnx/quantization/fold-pixels.js";
import { groupPixels } from "../../src/backends/onnx/quantization/group-pixels.js";
import { normalizationsAsConvolutions } from "../../src/backends/onnx/quantization/normalizations-as-convolutions.js";
import { planQuantization } from "../../src/backends/onnx/quantization/plan-quantization.js";
import { processorOf } from "../../src/backends/onnx/quantization/processor.node.js";
import { quantizeGraph } from "../../src/backends/onnx/quantization/quantize-graph.js";
import { Session } from "../../src/backends/onnx/session.node.js";
import { simplifyGraph } from "../../src/backends/onnx/simplify-graph.js";
import {
  featureNetwork,
  type NdArray,
  type Network,
  type PreprocessMode,
  randomWeights,
  resolveBackbone,
} from "../../src/index.js";
import { relativeError } from "../support/conformance-networks.js";
import { stripedPicture } from "../support/striped-picture.js";

const size = 64;
const pixels: NdArray<"uint8"> = {
  dtype: "uint8",
  shape: [4, size, size, 3],
  data: Uint8Array.from([0, 1, 2, 3].flatMap((seed) => [...stripedPicture(seed, size).data])),
};

type Name =
  | "squeezenet"
  | "vgg16"
  | "resnet50"
  | "mobilenet"
  | "densenet121"
  | "resnet50v2"
  | "efficientnetb0"
  | "mobilenetv3small";

/** The float graph of a network with pixels in and pooled features out, as it is lowered. */
function loweredOf(name: Name, preprocess: PreprocessMode): OnnxGraph {
  const backbone = resolveBackbone(name);
  const topology = backbone.topology({ includeTop: false, imageSize: [size, size] });
  const plain: Network = { ...topology, weights: randomWeights(topology, 3) };
  const { network } = featureNetwork(plain, { layers: [backbone.layer], preprocess, imageSize: [size, size] });
  return lower(network, network.outputs);
}

/** The same, folded. */
function graphOf(name: Name, preprocess: PreprocessMode): OnnxGraph {
  return foldIntoConvolutions(loweredOf(name, preprocess));
}

async function run(graph: OnnxGraph, tensors?: readonly string[]): Promise<readonly NdArray<"float32">[]> {
  const outputs =
    tensors?.map((name) => ({ name, elementType: "float32", shape: undefined }) as const) ?? graph.outputs;
  const names = (values: OnnxGraph["inputs"]) => values.map(({ name }) => name);
  const bytes = encodeModel({ ...graph, outputs });
  const model = { bytes, inputs: names(graph.inputs), outputs: names(outputs) };
  const session = await Session.start(model, { threads: 1, spinning: false });
  try {
    return await session.run([pixels]);
  } finally {
    await session.dispose();
  }
}

const values = async (graph: OnnxGraph) => (await run(graph))[0] as NdArray<"float32">;

/** Ranges of everything that was seen. */
async function rangesOf(graph: OnnxGraph) {
  const { tensors } = planQuantization(foldPixels(graph));
  const seen = await run(graph, tensors);
  return new Map(
    tensors.map((tensor, i) => {
      const data = (seen[i] as NdArray<"float32">).data;
      return [
        tensor,
        { least: data.reduce((a, b) => Math.min(a, b), 0), greatest: data.reduce((a, b) => Math.max(a, b), 0) },
      ];
    }),
  );
}

const operators = (nodes: readonly GraphNode[]) => nodes.map(({ operator }) => operator);

describe("the first convolution takes the bytes of the picture", () => {
  test.each([
    ["squeezenet", "caffe", 1e-5],
    ["squeezenet", "torch", 1e-5],
    ["squeezenet", "tf", 1e-5],
    ["squeezenet", "none", 1e-5],
    ["vgg16", "none", 1e-5],
    // These scale, shift and pad pixels by layers of their own; random statistics leave 0 what 0 is.
    ["efficientnetb0", "none", 1e-5],
    ["mobilenetv3small", "none", 0.01],
    // These pad, so that what lies beyond the border differs a little.
    ["vgg16", "caffe", 0.03],
    ["mobilenet", "tf", 0.01],
  ] as const)("of %s, prepared as %s, to the same values", async (name, preprocess, tolerance) => {
    const graph = graphOf(name, preprocess);
    const folded = foldPixels(graph);
    expect(operators(folded.nodes).slice(0, 3)).toEqual(["Transpose", "DequantizeLinear", "Conv"]);
    expect(relativeError(await values(folded), await values(graph))).toBeLessThan(tolerance);
  });

  test("unless means are too far apart for one byte to stand for all beyond the border", () => {
    const graph = graphOf("vgg16", "caffe");
    const initializers = graph.initializers.map((one) =>
      one.name.endsWith("/offset") ? { ...one, data: Float32Array.of(-20, -120, -220) } : one,
    );
    const far = { ...graph, initializers };
    expect(foldPixels(far)).toBe(far);
  });

  test("unless something else looks at the prepared pixels", () => {
    const graph = graphOf("squeezenet", "caffe");
    const prepared = graph.nodes.find(({ operator }) => operator === "Conv")?.inputs[0] as string;
    const watched = { ...graph, outputs: [{ name: prepared, elementType: "float32", shape: undefined } as const] };
    expect(foldPixels(watched)).toBe(watched);
  });
});

describe("a graph of integers", () => {
  test.each(["vgg16", "resnet50"] as const)(
    "of %s gives the same bits whether it is written for tiles of matrices or not",
    async (name) => {
      const graph = graphOf(name, "caffe");
      const ranges = await rangesOf(graph);
      const [plain, tiled] = [false, true].map((tiles) => quantizeGraph(foldPixels(graph), ranges, { tiles }));
      const shifted = tiled?.initializers.filter(
        ({ name: initializer, data }) => initializer.endsWith("/int8/zero_point") && data[0] === 1,
      );
      expect(shifted?.length).toBeGreaterThan(5);
      expect(await values(tiled as OnnxGraph)).toEqual(await values(plain as OnnxGraph));
    },
  );

  test("puts values side by side that have one scale, and computes nothing for it", async () => {
    const graph = graphOf("squeezenet", "caffe");
    const ranges = await rangesOf(graph);
    const { nodes, initializers } = quantizeGraph(foldPixels(graph), ranges);
    const joined = nodes.filter(({ operator }) => operator === "Concat");
    expect(joined).toHaveLength(8);
    const scaleOf = (tensor: string) =>
      initializers.find(({ name }) => name === tensor.replace(/\/uint8$/u, "/scale"))?.data[0];
    for (const { inputs, outputs } of joined) {
      expect(new Set([...inputs, ...outputs].map(scaleOf)).size).toBe(1);
      expect(inputs.every((input) => input.endsWith("/uint8"))).toBe(true);
    }
  });

  test.each(["densenet121", "resnet50v2"] as const)(
    "of %s has no batch normalisation in float, and the same values with each as a convolution",
    async (name) => {
      const graph = graphOf(name, name === "densenet121" ? "torch" : "tf");
      expect(operators(graph.nodes)).toContain("BatchNormalization");
      const written = normalizationsAsConvolutions(graph);
      expect(operators(written.nodes)).not.toContain("BatchNormalization");
      expect(relativeError(await values(written), await values(graph))).toBeLessThan(1e-5);
      const { kernels } = planQuantization(written);
      expect(kernels.length).toBe(operators(written.nodes).filter((operator) => operator === "Conv").length);
    },
  );

  test("pads a maximum of positive values in the maximum itself", () => {
    const { nodes } = graphOf("resnet50", "caffe");
    expect(operators(nodes)).not.toContain("Pad");
    expect(nodes.find(({ operator }) => operator === "MaxPool")?.attributes.pads).toEqual({ ints: [1, 1, 1, 1] });
  });
});

describe("a graph that is simpler", () => {
  test.each([
    ["efficientnetb0", ["Sqrt", "Max", "Pad"]],
    ["mobilenetv3small", ["Clip"]],
  ] as const)("of %s has the same values without %j, and says less", async (name, gone) => {
    const graph = loweredOf(name, "none");
    const simpler = name === "efficientnetb0" ? graphOf(name, "none") : simplifyGraph(graph);
    for (const operator of gone) {
      expect(operators(graph.nodes)).toContain(operator);
      expect(operators(simpler.nodes)).not.toContain(operator);
    }
    expect(simpler.nodes.length).toBeLessThan(0.8 * graph.nodes.length);
    expect(relativeError(await values(simpler), await values(graph))).toBeLessThan(1e-5);
  });

  test("keeps what its caller looks at", async () => {
    const graph = loweredOf("mobilenetv3small", "none");
    // A product with 1, and a sum and bounds on the way to a hard sigmoid.
    const watched = ["activation/Mul", "activation/Add", "activation/Clip"];
    const outputs = watched.map((name) => ({ name, elementType: "float32", shape: undefined }) as const);
    const expected = await run(graph, watched);
    const received = await run(simplifyGraph({ ...graph, outputs }), watched);
    for (const [i, value] of expected.entries()) {
      expect(relativeError(received[i] as NdArray<"float32">, value)).toBeLessThan(1e-6);
    }
  });
});

describe("the first convolution takes pixels four by four", () => {
  test.each([
    ["vgg16", "caffe", "3x3, padded on all sides"],
    ["squeezenet", "caffe", "3x3, stride 2, an odd number of results"],
    ["resnet50", "caffe", "7x7, stride 2, padded on all sides"],
    ["mobilenet", "tf", "3x3, stride 2, padded on the right, bounded"],
    ["efficientnetb0", "none", "3x3, stride 2, padded on the right, without an activation that it takes in"],
  ] as const)("and %s, %s, gives the same bits: %s", async (name, preprocess, _) => {
    const graph = graphOf(name, preprocess);
    const plain = quantizeGraph(foldPixels(graph), await rangesOf(graph));
    const grouped = groupPixels(plain);
    const widths = ({ nodes, initializers }: OnnxGraph) => {
      const first = nodes.find(({ operator }) => operator === "Conv")?.inputs[1]?.replace(/\/rounded$/u, "");
      const integers = nodes.find(({ outputs }) => outputs[0] === `${first}/rounded`)?.inputs[0];
      return initializers.find((one) => one.name === integers)?.shape[2];
    };
    expect(widths(plain)).toBe(3);
    expect(widths(grouped)).toBe(12);
    expect(await values(grouped)).toEqual(await values(plain));
  });

  test("unless the picture's width is not known, or the convolution stays in float", async () => {
    const graph = graphOf("vgg16", "caffe");
    const ranges = await rangesOf(graph);
    const plain = quantizeGraph(foldPixels(graph), ranges);
    const inputs = plain.inputs.map((input) => ({ ...input, shape: [null, null, null, 3] }));
    const unknown = { ...plain, inputs };
    expect(groupPixels(unknown)).toBe(unknown);
    const [first = ""] = planQuantization(foldPixels(graph)).kernels;
    const inFloat = quantizeGraph(foldPixels(graph), ranges, { inFloat: new Set([first]) });
    expect(operators(groupPixels(inFloat).nodes)).toEqual(operators(inFloat.nodes));
  });
});

describe("swish and squeeze-and-excite", () => {
  const networks = ["efficientnetb0", "mobilenetv3small"] as const;

  /** How often operators stand in the graph that ONNX Runtime makes of one. */
  async function optimizedOperators(graph: OnnxGraph, wanted: readonly string[]): Promise<readonly number[]> {
    const folder = await mkdtemp(path.join(tmpdir(), "optimized-"));
    try {
      const optimizedModelFilePath = path.join(folder, "model.onnx");
      const options = { graphOptimizationLevel: "all", logSeverityLevel: 3, optimizedModelFilePath } as const;
      const session = await InferenceSession.create(encodeModel(graph), options);
      await session.release();
      const model = (await readFile(optimizedModelFilePath)).toString("latin1");
      // NodeProto.op_type: field 4, its length, its text.
      return wanted.map((name) => model.split(`"${String.fromCharCode(name.length)}${name}`).length - 1);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  test.each(networks)("of %s are computed in integers by the runtime from end to end", async (name) => {
    const graph = graphOf(name, "none");
    const folded = foldPixels(graph);
    const quantized = quantizeGraph(folded, await rangesOf(graph));
    const gates = operators(folded.nodes).filter((operator) => /Sigmoid$/u.test(operator)).length;
    expect(gates).toBeGreaterThan(20);
    const inFloat = ["Sigmoid", "HardSigmoid", "Mul", "QuickGelu", "Add", "Clip", "Conv", "QuantizeLinear"];
    expect(await optimizedOperators(quantized, inFloat)).toEqual(inFloat.map(() => 0));
    const [products = 0, sigmoids = 0, sums = 0] = await optimizedOperators(quantized, [
      "QLinearMul",
      "QLinearSigmoid",
      "QLinearAdd",
    ]);
    expect(products).toBe(operators(folded.nodes).filter((operator) => operator === "Mul").length);
    expect(sigmoids + sums).toBeGreaterThanOrEqual(gates);
  });

  test.each(networks)("of %s lose little more in integers than its kernels do", async (name) => {
    const graph = graphOf(name, "none");
    const folded = foldPixels(graph);
    const ranges = await rangesOf(graph);
    const expected = await values(graph);
    const products = folded.nodes
      .filter(({ operator }) => operator === "Mul")
      .map(({ outputs }) => outputs[0] as string);
    const whole = relativeError(await values(quantizeGraph(folded, ranges)), expected);
    const inFloat = new Set(products);
    const ofKernels = relativeError(await values(quantizeGraph(folded, ranges, { inFloat })), expected);
    expect(whole).toBeLessThan(1.5 * ofKernels);
    expect(whole).toBeLessThan(0.25);
  });

  test("stay in float with the kernel that they belong to", async () => {
    const graph = foldPixels(graphOf("efficientnetb0", "none"));
    const ranges = new Map(planQuantization(graph).tensors.map((tensor) => [tensor, { least: -8, greatest: 8 }]));
    const stem = "stem_bn/BatchNormalization";
    const { nodes } = quantizeGraph(graph, ranges, { inFloat: new Set([stem]) });
    const inputsOf = (made: string) => nodes.find(({ outputs }) => outputs[0] === made)?.inputs;
    expect(inputsOf("stem_activation/Sigmoid")).toEqual([stem]);
    expect(inputsOf("stem_activation/Mul")).toEqual([stem, "stem_activation/Sigmoid"]);
    expect(inputsOf("block1a_activation/Mul")?.every((input) => input.endsWith("/rounded"))).toBe(true);
  });

  test("hard swish is right to what rounding x twice, the gate and the product makes, and 0 below its bounds", async () => {
    const value = (name: string, shape: readonly number[]) => ({ name, elementType: "float32", shape }) as const;
    const attributes = { alpha: { float: 1 / 6 }, beta: { float: 0.5 } };
    const size = 40;
    const graph: OnnxGraph = {
      name: "hard swish",
      inputs: [value("x", [1, 1, size, size])],
      outputs: [value("y", [1, 1, size, size])],
      initializers: [{ name: "kernel", shape: [1, 1, 1, 1], data: Float32Array.of(1) }],
      nodes: [
        { operator: "Conv", inputs: ["x", "kernel"], outputs: ["sums"], attributes: {} },
        { operator: "HardSigmoid", inputs: ["sums"], outputs: ["gate"], attributes },
        { operator: "Mul", inputs: ["sums", "gate"], outputs: ["product"], attributes: {} },
        { operator: "Conv", inputs: ["product", "kernel"], outputs: ["y"], attributes: {} },
      ],
    };
    const x = Float32Array.from({ length: size * size }, (_, i) => -8 + (16 * i) / (size * size));
    const ranges = new Map([
      ["x", { least: -8, greatest: 8 }],
      ["sums", { least: -8, greatest: 8 }],
      ["product", { least: -0.375, greatest: 8 }],
    ]);
    const model = { bytes: encodeModel(quantizeGraph(graph, ranges)), inputs: ["x"], outputs: ["y"] };
    const session = await Session.start(model, { threads: 1, spinning: false });
    const [y] = await session.run([{ dtype: "float32", shape: [1, 1, size, size], data: x }]);
    await session.dispose();
    const errors = x.map((input, i) => {
      const expected = input * Math.max(0, Math.min(1, input / 6 + 0.5));
      return Math.abs((y?.data[i] as number) - expected);
    });
    // Half a step of each; the slope is 1.5 at most.
    const rounding = (1.5 * (16 + 11) + 8 + 8.375) / 255 / 2;
    expect(Math.max(...errors)).toBeLessThan(rounding);
    expect(Math.max(...errors.filter((_, i) => (x[i] as number) < -3.1))).toBe(0);
  });
});

describe("biases put right", () => {
  test("bring the mean of each filter's sums back to what it is in float", async () => {
    const graph = graphOf("mobilenet", "tf");
    const folded = foldPixels(graph);
    const ranges = await rangesOf(graph);
    const observe: Observe = async (tensors, visit) => {
      const seen = await run(graph, tensors);
      visit(new Map(tensors.map((tensor, i) => [tensor, seen[i] as NdArray<"float32">])));
    };
    const corrections = await biasCorrections(folded, ranges, observe, [pixels]);
    const { kernels } = planQuantization(folded);
    expect([...corrections.keys()]).toEqual(kernels);
    // The first depthwise layer behind the first convolution: its own rounding alone.
    const depthwise = kernels[1] as string;
    const others = new Set(kernels.filter((kernel) => kernel !== depthwise));
    const meansOf = ({ data, shape }: NdArray<"float32">) => {
      const [batch = 0, channels = 0, height = 0, width = 0] = shape;
      const sums = new Float64Array(channels);
      for (let i = 0; i < data.length; i++) {
        const channel = Math.floor(i / (height * width)) % channels;
        sums[channel] = (sums[channel] as number) + (data[i] as number) / (batch * height * width);
      }
      return sums;
    };
    const meansWith = async (wanted: OnnxGraph) => meansOf((await run(wanted, [depthwise]))[0] as NdArray<"float32">);
    const expected = await meansWith(graph);
    const shiftOf = async (wanted: OnnxGraph) => {
      const received = await meansWith(wanted);
      return Math.hypot(...received.map((mean, c) => mean - (expected[c] as number)));
    };
    const before = await shiftOf(quantizeGraph(folded, ranges, { inFloat: others }));
    const after = await shiftOf(quantizeGraph(folded, ranges, { inFloat: others, corrections }));
    expect(before).toBeGreaterThan(0);
    expect(after).toBeLessThan(0.5 * before);
  });
});

describe("what the system tells of the processor", () => {
  test.each([
    ["one with tiles", "flags\t\t: fpu avx512_vnni amx_tile amx_int8\n", { tiles: true, overflows: false }],
    ["one with products of its own", "flags\t\t: fpu avx2 avx_vnni\n", { tiles: false, overflows: false }],
    ["an old one", "model name\t: x\nflags\t\t: fpu avx2\n", { tiles: false, overflows: true }],
    ["one of ARM", "Features\t: fp asimd i8mm\n", { tiles: false, overflows: false }],
  ])("is understood of %s", (_, text, expected) => {
    expect(processorOf(text)).toEqual(expected);
  });
});
