import { describe, expect, test } from "vitest";
import { encodeModel } from "../../src/backends/onnx/encode-model.js";
import type { GraphNode, OnnxGraph } from "../../src/backends/onnx/graph.js";
import { lower } from "../../src/backends/onnx/lower.js";
import { biasCorrections, type Observe } from "../../src/backends/onnx/quantization/bias-corrections.js";
import { foldIntoConvolutions } from "../../src/backends/onnx/quantization/fold-into-convolutions.js";
import { foldPixels } from "../../src/backends/onnx/quantization/fold-pixels.js";
import { normalizationsAsConvolutions } from "../../src/backends/onnx/quantization/normalizations-as-convolutions.js";
import { planQuantization } from "../../src/backends/onnx/quantization/plan-quantization.js";
import { processorOf } from "../../src/backends/onnx/quantization/processor.node.js";
import { quantizeGraph } from "../../src/backends/onnx/quantization/quantize-graph.js";
import { Session } from "../../src/backends/onnx/session.node.js";
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

type Name = "squeezenet" | "vgg16" | "resnet50" | "mobilenet" | "densenet121" | "resnet50v2";

/** The float graph of a network with pixels in and pooled features out. */
function graphOf(name: Name, preprocess: PreprocessMode): OnnxGraph {
  const backbone = resolveBackbone(name);
  const topology = backbone.topology({ includeTop: false, imageSize: [size, size] });
  const plain: Network = { ...topology, weights: randomWeights(topology, 3) };
  const { network } = featureNetwork(plain, { layers: [backbone.layer], preprocess, imageSize: [size, size] });
  return foldIntoConvolutions(lower(network, network.outputs));
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
    // These pad, so that what lies beyond the border differs a little.
    ["vgg16", "caffe", 0.03],
    ["mobilenet", "tf", 0.01],
  ] as const)("of %s, prepared as %s, to the same values", async (name, preprocess, tolerance) => {
    const graph = graphOf(name, preprocess);
    const folded = foldPixels(graph);
    for (const gone of ["Cast", "Gather", "Mul"]) expect(operators(folded.nodes)).not.toContain(gone);
    expect(operators(folded.nodes)[1]).toBe("DequantizeLinear");
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
