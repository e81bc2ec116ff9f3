import { UnsupportedError } from "../../../errors.js";
import { inferShapes } from "../../../network/shapes.js";
import type { TrainingOptions } from "../../trainable-backend.js";
import type { TrainedWeight, TrainingPlan } from "../../training/training-plan.js";
import type { GraphValue, Initializer, OnnxGraph } from "../graph.js";
import { GraphBuilder } from "../graph-builder.js";
import { clipGradients } from "./clipping-nodes.js";
import { differentiate } from "./differentiate.js";
import { addForward, type MaskInput } from "./forward-graph.js";
import { GraphWriter } from "./graph-writer.js";
import { addLoss } from "./loss-nodes.js";
import { optimizerNodes, type RateName } from "./optimizer-nodes.js";
import { addPenalty, penalizedGradient } from "./penalty-nodes.js";
import { initializerShape } from "./tensor-shapes.js";

/** Tensors that a step reads under one name and writes under another. */
export interface Variable {
  /** The graph's input. */
  readonly name: string;
  /** The graph's output. */
  readonly next: string;
  /** Layer that owns the weight. */
  readonly layer: string;
  /** The weight's name in the layer. */
  readonly weight: string;
  /** Name of the optimizer's running value; undefined for the weight itself. */
  readonly slot: string | undefined;
  /** How the weight lies in the graph: its values, of which those of a running value start at 0, and their order. */
  readonly layout: Initializer;
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
  readonly masks: readonly MaskInput[];
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
  const { forward, logits, masks, moved } = addForward(builder, training);

  const writer = new GraphWriter(builder, "training");
  const outputRow = inferShapes(network).get(training.output.name) ?? [];
  const width = outputRow.at(-1) ?? null;
  if (width === null) throw refused(training, `the size of its output's last axis is not known`);
  const ofLoss = addLoss(writer, options.loss, options.labelSmoothing ?? 0, { logits, targets: ys, shares, width });

  const names = training.trained.map(({ layer, name }) => `${layer}/${name}`);
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
  const layouts = new Map(builder.initializers.map((initializer) => [initializer.name, initializer]));
  const update = (name: string, layer: string, weight: string, slot: string | undefined, next: string) => {
    const own = slot === undefined ? name : slotTensor(name, slot);
    builder.node(own, "Identity", [next], {}, `${own}/next`);
    variables.push({ name: own, next: `${own}/next`, layer, weight, slot, layout: layouts.get(name) as Initializer });
  };
  training.trained.forEach((weight, at) => {
    const name = names[at] as string;
    const old = { value: name, slots: optimizer.slots.map((slot) => slotTensor(name, slot)) };
    const rate = (rateName: RateName) => rateTensor(rates, rateName, weight);
    const next = optimizer.next(writer, old, gradients[at] as string, rate);
    update(name, weight.layer, weight.name, undefined, next.value);
    optimizer.slots.forEach((slot, position) => {
      update(name, weight.layer, weight.name, slot, next.slots[position] as string);
    });
  });
  for (const [name, next] of moved) {
    const place = name.lastIndexOf("/");
    update(name, name.slice(0, place), name.slice(place + 1), undefined, next);
  }
  builder.node("training", "Identity", [whole], {}, loss);
  builder.node("training", "Identity", [ofLoss.outputs], {}, outputs);

  const values = new Set(variables.map(({ name }) => name));
  const float = (name: string, shape: GraphValue["shape"]): GraphValue => ({ name, elementType: "float32", shape });
  const row = network.layers.find(({ name }) => name === training.input.name) as TrainingPlan["input"];
  const shapes = inferShapes(network);
  const graph: OnnxGraph = {
    name: network.name,
    nodes: builder.nodes,
    initializers: builder.initializers.filter(({ name }) => !values.has(name)),
    inputs: [
      float(xs, [null, ...row.config.shape]),
      float(ys, [null, ...outputRow]),
      float(shares, [null, ...outputRow.map(() => 1)]),
      ...masks.map(({ tensor, layer }) => float(tensor, [null, ...(shapes.get(layer) ?? [])])),
      ...[...rates.values()].map(({ tensor }) => float(tensor, [])),
      ...variables.map(({ name, layout }) => float(name, initializerShape(layout))),
    ],
    outputs: [
      float(loss, []),
      float(outputs, [null, ...outputRow]),
      ...variables.map(({ next, layout }) => float(next, initializerShape(layout))),
    ],
  };
  return {
    graph,
    inputs: { xs, ys, shares },
    outputs: { loss, outputs },
    masks,
    rates: [...rates.values()],
    variables,
    slots: optimizer.slots,
  };
}

function slotTensor(weight: string, slot: string): string {
  return `${weight}/${slot}`;
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
