import { UnsupportedError } from "../../../errors.js";
import { inferShapes } from "../../../network/shapes.js";
import type { TrainingOptions } from "../../trainable-backend.js";
import type { TrainedWeight, TrainingPlan } from "../../training/training-plan.js";
import type { GraphNode, GraphValue, Initializer, OnnxGraph } from "../graph.js";
import { GraphBuilder } from "../graph-builder.js";
import { clipGradients } from "./clipping-nodes.js";
import { differentiate } from "./differentiate.js";
import { addForward, type NoiseInput, noiseRow } from "./forward-graph.js";
import { GraphWriter } from "./graph-writer.js";
import { addLoss } from "./loss-nodes.js";
import { optimizerNodes, type RateName } from "./optimizer-nodes.js";
import { addPenalty, penalizedGradient } from "./penalty-nodes.js";
import { initializerShape } from "./tensor-shapes.js";
import { type RowRange, splitGradient, updateParts } from "./update-parts.js";

/** A weight, or a running value of the optimizer, that a step reads and writes. */
export interface Variable {
  /** Name of the whole, which is an input of the graph where `isInput`. */
  readonly name: string;
  readonly isInput: boolean;
  /** What is read and written apart, in order: rows of the whole. Of one part, the input is the whole itself. */
  readonly parts: readonly VariablePart[];
  /** Layer that owns the weight. */
  readonly layer: string;
  /** The weight's name in the layer. */
  readonly weight: string;
  /** Name of the optimizer's running value; undefined for the weight itself. */
  readonly slot: string | undefined;
  /** How the weight lies in the graph: its values, of which those of a running value start at 0, and their order. */
  readonly layout: Initializer;
}

/** Some of the rows of a variable. */
export interface VariablePart extends RowRange {
  /** The graph's input. */
  readonly name: string;
  /** The graph's output. */
  readonly next: string;
}

/** A number that a step brings along for the weights of one factor of the learning rate. */
export interface RateInput {
  readonly tensor: string;
  readonly name: RateName;
  readonly factor: number;
}

/** One step of training as a graph: forward, backward and update. */
export interface TrainingGraph {
  readonly graph: OnnxGraph;
  /** Names of the graph's inputs that are the same in every training. */
  readonly inputs: { readonly xs: string; readonly ys: string; readonly shares: string };
  readonly outputs: { readonly loss: string; readonly outputs: string };
  readonly noise: readonly NoiseInput[];
  readonly rates: readonly RateInput[];
  readonly variables: readonly Variable[];
  /** Names of the optimizer's running values. */
  readonly slots: readonly string[];
}

/**
 * Writes one step of training as a graph. The weights that change, and what the optimizer keeps about them, are inputs and
 * outputs; all others are constants.
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

  const weights = training.trained.map(({ layer, name, position }) => {
    const layout = layouts.get(network.weights.get(layer)?.[position]?.array.data as Float32Array);
    if (layout === undefined) throw refused(training, `the layer "${layer}" does not use its weight "${name}"`);
    return layout;
  });
  const names = weights.map(({ name }) => name);
  const found = differentiate(builder, forward, logits, ofLoss.gradient, new Set(names));
  const penalized = training.trained.map((weight, at) => {
    const gradient = found.get(names[at] as string);
    if (gradient === undefined) throw refused(training, `no gradient comes to the layer "${weight.layer}"`);
    return penalizedGradient(writer, gradient, names[at] as string, weight);
  });
  const gradients = clipGradients(writer, penalized, options.clipping ?? {});
  const whole = training.trained.reduce(
    (sum, weight, at) => addPenalty(writer, sum, names[at] as string, weight),
    ofLoss.loss,
  );

  const optimizer = optimizerNodes(options.optimizer);
  const rates = new Map<string, RateInput>();
  const variables: Variable[] = [];
  const results = new Map<string, string>();
  const update = (
    layout: Initializer,
    weight: Pick<Variable, "layer" | "weight" | "slot">,
    rows: readonly RowRange[],
    next: readonly string[],
  ) => {
    const name = weight.slot === undefined ? layout.name : `${layout.name}/${weight.slot}`;
    const parts = rows.map((range, at) => {
      const part = partTensor(name, at, rows.length);
      results.set(next[at] as string, `${part}/next`);
      return { ...range, name: part, next: `${part}/next` };
    });
    variables.push({ ...weight, name, isInput: weight.slot === undefined || parts.length === 1, parts, layout });
  };
  training.trained.forEach((trained, at) => {
    const layout = weights[at] as Initializer;
    const rate = (rateName: RateName) => rateTensor(rates, rateName, trained);
    const rows = updateParts(initializerShape(layout));
    const next = splitGradient(builder, writer, gradients[at] as string, rows).map((gradient, part) => {
      const tensor = (whole: string) => partTensor(whole, part, rows.length);
      const slots = optimizer.slots.map((slot) => tensor(`${layout.name}/${slot}`));
      return optimizer.next(writer, { value: tensor(layout.name), slots }, gradient, rate);
    });
    const { layer, name: weight } = trained;
    const values = next.map(({ value }) => value);
    update(layout, { layer, weight, slot: undefined }, rows, values);
    optimizer.slots.forEach((slot, position) => {
      const ofSlot = next.map(({ slots }) => slots[position] as string);
      update(layout, { layer, weight, slot }, rows, ofSlot);
    });
  });
  for (const { layer, name, values, next } of moved) {
    const rows = [{ start: 0, count: values.length }];
    update(layouts.get(values) as Initializer, { layer, weight: name, slot: undefined }, rows, [next]);
  }
  results.set(whole, loss);
  results.set(ofLoss.outputs, outputs);

  const row = network.layers.find(({ name }) => name === training.input.name) as TrainingPlan["input"];
  const shapes = inferShapes(network);
  const graph: OnnxGraph = {
    name: network.name,
    nodes: builder.nodes.map((node) => withNames(node, results)),
    initializers: builder.initializers.filter(({ data }) => !layouts.has(data as Float32Array)),
    inputs: [
      float(xs, [null, ...row.config.shape]),
      float(ys, [null, ...outputRow]),
      float(shares, [null, ...outputRow.map(() => 1)]),
      ...noise.map(({ tensor, layer, noise: of }) => float(tensor, [null, ...noiseRow(of, shapes.get(layer) ?? [])])),
      ...[...rates.values()].map(({ tensor }) => float(tensor, [])),
      ...variables.flatMap((variable) => valuesOf(variable).inputs),
    ],
    outputs: [
      float(loss, []),
      float(outputs, [null, ...outputRow]),
      ...variables.flatMap((variable) => valuesOf(variable).outputs),
    ],
  };
  return {
    graph,
    inputs: { xs, ys, shares },
    outputs: { loss, outputs },
    noise,
    rates: [...rates.values()],
    variables,
    slots: optimizer.slots,
  };
}

/** Calls tensors by the names of the graph's outputs. An Identity for each would copy all weights once more. */
function withNames(node: GraphNode, names: ReadonlyMap<string, string>): GraphNode {
  const named = (tensors: readonly string[]) => tensors.map((tensor) => names.get(tensor) ?? tensor);
  return { ...node, inputs: named(node.inputs), outputs: named(node.outputs) };
}

function partTensor(whole: string, part: number, count: number): string {
  return count === 1 ? whole : `${whole}/part${part}`;
}

/** The inputs and outputs of a variable: of one in parts, the whole is an input too where the layers use it. */
function valuesOf({ name, isInput, parts, layout }: Variable): { inputs: GraphValue[]; outputs: GraphValue[] } {
  const shape = initializerShape(layout);
  const ofPart = (tensor: string, { count }: RowRange): GraphValue => float(tensor, [count, ...shape.slice(1)]);
  if (shape.length === 0 || parts.length === 1) {
    return { inputs: [float(name, shape)], outputs: parts.map(({ next }) => float(next, shape)) };
  }
  return {
    inputs: [...(isInput ? [float(name, shape)] : []), ...parts.map((part) => ofPart(part.name, part))],
    outputs: parts.map((part) => ofPart(part.next, part)),
  };
}

function float(name: string, shape: GraphValue["shape"]): GraphValue {
  return { name, elementType: "float32", shape };
}

function rateTensor(rates: Map<string, RateInput>, name: RateName, { learningRateFactor }: TrainedWeight): string {
  const tensor = `training/${name}/${learningRateFactor}`;
  rates.set(tensor, { tensor, name, factor: learningRateFactor });
  return tensor;
}

function refused({ plan }: TrainingPlan, fault: string): UnsupportedError {
  return new UnsupportedError(
    `Cannot train network "${plan.network.name}" on onnx: ${fault}. Use a backend of TensorFlow.js, such as tfjsNode().`,
  );
}
