import { UnsupportedError } from "../../../errors.js";
import { sizeOf } from "../../../ndarray.js";
import { inferShapes } from "../../../network/shapes.js";
import type { TrainingOptions } from "../../trainable-backend.js";
import type { TrainedWeight, TrainingPlan } from "../../training/training-plan.js";
import type { GraphNode, GraphValue, Initializer, OnnxGraph } from "../graph.js";
import { GraphBuilder } from "../graph-builder.js";
import { differentiate } from "./differentiate.js";
import { addForward, type NoiseInput, noiseRow } from "./forward-graph.js";
import { type GradientBlocks, gradientBlocks } from "./gradient-blocks.js";
import { GraphWriter } from "./graph-writer.js";
import { addLoss } from "./loss-nodes.js";
import { initializerShape } from "./tensor-shapes.js";

/** A weight that the optimizer changes. */
export interface TrainedTensor {
  readonly trained: TrainedWeight;
  /** The graph's output, or the product that the gradient is, of which the graph has the factors. */
  readonly gradient: string | GradientBlocks;
  /** How the weight lies in the graph. Its name is that of the graph's input. */
  readonly layout: Initializer;
}

/** A moving mean or variance, which the graph computes anew. */
export interface StatisticTensor {
  /** Layer that owns it. */
  readonly layer: string;
  readonly weight: string;
  /** The graph's output. */
  readonly next: string;
  /** How it lies in the graph. Its name is that of the graph's input. */
  readonly layout: Initializer;
}

/** The forward and backward pass of a step of training as a graph. */
export interface TrainingGraph {
  readonly graph: OnnxGraph;
  /** Names of the graph's inputs that are the same in every training. */
  readonly inputs: { readonly xs: string; readonly ys: string; readonly shares: string };
  readonly outputs: { readonly loss: string; readonly outputs: string };
  readonly noise: readonly NoiseInput[];
  readonly weights: readonly TrainedTensor[];
  readonly statistics: readonly StatisticTensor[];
}

/**
 * Writes a step of training as a graph, up to the gradients of the loss by the weights, without penalties. The weights that
 * change are inputs; all others are constants.
 *
 * @throws UnsupportedError naming the layer and the operator, if a gradient would have to flow through one that has none
 */
export function trainingGraph(training: TrainingPlan, options: TrainingOptions): TrainingGraph {
  const { network } = training.plan;
  const builder = new GraphBuilder();
  const xs = builder.reserve(training.input.name);
  const [ys, shares, loss, outputs] = ["targets", "row_shares", "loss", "outputs"].map((name) =>
    builder.reserve(`training/${name}`),
  ) as [string, string, string, string];
  const { forward, logits, noise, moved, layouts } = addForward(builder, training);

  const writer = new GraphWriter(builder, "training");
  const outputRow = inferShapes(network).get(training.output.name) ?? [];
  const width = outputRow.at(-1) ?? null;
  if (width === null) throw refused(training, `the size of its output's last axis is not known`);
  const ofLoss = addLoss(writer, options.loss, options.labelSmoothing ?? 0, { logits, targets: ys, shares, width });

  const held = training.trained.map(({ layer, name, position }) => {
    const layout = layouts.get(network.weights.get(layer)?.[position]?.array.data as Float32Array);
    if (layout === undefined) throw refused(training, `the layer "${layer}" does not use its weight "${name}"`);
    return layout;
  });
  const found = differentiate(builder, forward, logits, ofLoss.gradient, new Set(held.map(({ name }) => name)));
  const results = new Map<string, string>([
    [ofLoss.loss, loss],
    [ofLoss.outputs, outputs],
  ]);
  const row = network.layers.find(({ name }) => name === training.input.name) as TrainingPlan["input"];
  // Clipping by norm needs all of a gradient before the first of its values is used.
  const { clipnorm, globalClipnorm } = options.clipping ?? {};
  const inBlocks = clipnorm === undefined && globalClipnorm === undefined;
  const input = { tensor: xs, size: sizeOf(row.config.shape.map((size) => size ?? 0)) };
  const tensors = held.map(({ name }) => found.get(name));
  const products = new Set<string>();
  const factors = new Set<string>();
  const weights = training.trained.map((trained, at): TrainedTensor => {
    const layout = held[at] as Initializer;
    const tensor = tensors[at];
    if (tensor === undefined) throw refused(training, `no gradient comes to the layer "${trained.layer}"`);
    const isOwn = tensors.filter((other) => other === tensor).length === 1;
    const blocks =
      inBlocks && isOwn ? gradientBlocks(builder.nodes, input, tensor, initializerShape(layout)) : undefined;
    if (blocks !== undefined) {
      products.add(tensor);
      for (const factor of [blocks.x, blocks.slope]) if (factor !== xs) factors.add(factor);
      return { trained, gradient: blocks, layout };
    }
    const gradient = `${layout.name}/gradient`;
    // A tensor has one name, but may be the gradient of several weights.
    results.set(results.has(tensor) ? writer.node("Identity", [tensor]) : tensor, gradient);
    return { trained, gradient, layout };
  });
  const statistics = moved.map(({ layer, name, values, next }): StatisticTensor => {
    const layout = layouts.get(values) as Initializer;
    results.set(next, `${layout.name}/next`);
    return { layer, weight: name, next: `${layout.name}/next`, layout };
  });

  const shapes = inferShapes(network);
  const graph: OnnxGraph = {
    name: network.name,
    nodes: builder.nodes
      .filter(({ outputs: [output] }) => !products.has(output as string))
      .map((node) => withNames(node, results)),
    initializers: builder.initializers.filter(({ data }) => !layouts.has(data as Float32Array)),
    inputs: [
      float(xs, [null, ...row.config.shape]),
      float(ys, [null, ...outputRow]),
      float(shares, [null, ...outputRow.map(() => 1)]),
      ...noise.map(({ tensor, layer, noise: of }) => float(tensor, [null, ...noiseRow(of, shapes.get(layer) ?? [])])),
      ...[...weights, ...statistics].map(({ layout }) => float(layout.name, initializerShape(layout))),
    ],
    outputs: [
      float(loss, []),
      float(outputs, [null, ...outputRow]),
      ...weights.flatMap(({ gradient, layout }) =>
        typeof gradient === "string" ? [float(gradient, initializerShape(layout))] : [],
      ),
      ...[...factors].filter((factor) => !results.has(factor)).map((factor) => float(factor, undefined)),
      ...statistics.map(({ next, layout }) => float(next, initializerShape(layout))),
    ],
  };
  return {
    graph,
    inputs: { xs, ys, shares },
    outputs: { loss, outputs },
    noise,
    weights: weights.map((weight) => withFactorNames(weight, results)),
    statistics,
  };
}

/** Calls the factors of a product by the names of the graph's outputs. */
function withFactorNames(weight: TrainedTensor, names: ReadonlyMap<string, string>): TrainedTensor {
  const { gradient } = weight;
  if (typeof gradient === "string") return weight;
  const named = (tensor: string) => names.get(tensor) ?? tensor;
  return { ...weight, gradient: { ...gradient, x: named(gradient.x), slope: named(gradient.slope) } };
}

/** Calls tensors by the names of the graph's outputs. An Identity for each would copy all weights once more. */
function withNames(node: GraphNode, names: ReadonlyMap<string, string>): GraphNode {
  const named = (tensors: readonly string[]) => tensors.map((tensor) => names.get(tensor) ?? tensor);
  return { ...node, inputs: named(node.inputs), outputs: named(node.outputs) };
}

function float(name: string, shape: GraphValue["shape"]): GraphValue {
  return { name, elementType: "float32", shape };
}

function refused({ plan }: TrainingPlan, fault: string): UnsupportedError {
  return new UnsupportedError(
    `Cannot train network "${plan.network.name}" on onnx: ${fault}. Use a backend of TensorFlow.js, such as tfjsNode().`,
  );
}
