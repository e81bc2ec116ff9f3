import type { Layer } from "../../../network/layer.js";
import type { Weight } from "../../../network/network.js";
import type { RowShape } from "../../../network/row-shape.js";
import { inferShapes } from "../../../network/shapes.js";
import type { TrainingPlan } from "../../training/training-plan.js";
import type { GraphBuilder, Value } from "../graph-builder.js";
import type { LayerContext } from "../layer-context.js";
import { lowerLayer } from "../lower.js";
import type { ForwardGraph } from "./differentiate.js";
import { GraphWriter } from "./graph-writer.js";
import { inferNodeShape, initializerShape, type TensorShape } from "./tensor-shapes.js";

/** A dropout mask that a step is to bring along. */
export interface MaskInput {
  /** The graph's input, `[batch, ...row of the layer]`. */
  readonly tensor: string;
  readonly layer: string;
  readonly rate: number;
}

/** The layers of a network as they act in training. */
export interface TrainingForward {
  readonly forward: ForwardGraph;
  /** `[batch, ...row]`: what goes into the loss. */
  readonly logits: string;
  readonly masks: readonly MaskInput[];
  /** New moving means and variances by the tensors of the old ones. */
  readonly moved: ReadonlyMap<string, string>;
}

/** Adds the layers of a network as they act in training, up to what the loss is computed from. */
export function addForward(builder: GraphBuilder, training: TrainingPlan): TrainingForward {
  const { network } = training.plan;
  const shapes = inferShapes(network);
  const values = new Map<string, Value>();
  const layers: string[] = [];
  const masks: MaskInput[] = [];
  const moved = new Map<string, string>();
  const resultShapes = new Map<string, TensorShape>();
  for (const layer of network.layers) {
    const applied = layer.name === training.output.name ? training.logits : layer;
    const value = lowered(applied);
    values.set(layer.name, value);
    while (layers.length < builder.nodes.length) layers.push(layer.name);
    const row = shapes.get(layer.name) ?? [];
    resultShapes.set(value.tensor, inOrder(value, row));
  }
  const logits = builder.view(values.get(training.output.name) as Value, "keras").tensor;
  while (layers.length < builder.nodes.length) layers.push(training.output.name);
  const forward = {
    network: network.name,
    nodeCount: layers.length,
    layers,
    known: knownTensors(builder, resultShapes),
  };
  return { forward, logits, masks, moved };

  function lowered(layer: Layer): Value {
    if (layer.className === "InputLayer") {
      return { tensor: layer.name, axes: "keras", rank: layer.config.shape.length + 1, elementType: "float32" };
    }
    return lowerLayer(builder, network, layer, values, shapes, contextOf(layer));
  }

  function contextOf(layer: Layer): Omit<LayerContext, "findWeight"> {
    const trained = training.isTrained(layer);
    const dropout = (x: Value, rate: number): Value => {
      const tensor = builder.reserve(`${layer.name}/mask`);
      masks.push({ tensor, layer: layer.name, rate });
      const mask: Value = { tensor, axes: "keras", rank: x.rank, elementType: "float32" };
      resultShapes.set(tensor, [null, ...(shapes.get(layer.name) ?? [])]);
      const inputs = [builder.float32(x).tensor, builder.view(mask, x.axes).tensor];
      return { ...x, tensor: builder.node(layer.name, "Mul", inputs) };
    };
    if (!trained || layer.className !== "BatchNormalization") return { trained, dropout };
    const { momentum } = layer.config;
    return { trained, batchStatistics: (mean, variance) => move(layer, momentum, mean, variance) };
  }

  /** moving * momentum + batch * (1 - momentum), once more each time that the layer is used. */
  function move(layer: Layer, momentum: number, mean: string, variance: string): void {
    const writer = new GraphWriter(builder, layer.name);
    for (const [name, ofBatch] of [
      ["moving_mean", mean],
      ["moving_variance", variance],
    ] as const) {
      const owner = layer.weightsOf ?? layer.name;
      const { array } = (network.weights.get(owner) ?? []).find((weight) => weight.name === name) as Weight;
      const own = builder.constant({ name: `${owner}/${name}`, shape: array.shape, data: array.data });
      const kept = writer.scaled(moved.get(own) ?? own, momentum);
      moved.set(own, writer.node("Add", [kept, writer.scaled(ofBatch, 1 - momentum)]));
    }
  }
}

function knownTensors(builder: GraphBuilder, resultShapes: ReadonlyMap<string, TensorShape>): ForwardGraph["known"] {
  const initializers = new Map(builder.initializers.map((initializer) => [initializer.name, initializer]));
  const shapes = new Map(resultShapes);
  for (const initializer of initializers.values()) shapes.set(initializer.name, initializerShape(initializer));
  const known = { shapes, initializers };
  for (const node of builder.nodes) {
    const [output = ""] = node.outputs;
    const shape = resultShapes.get(output) ?? inferNodeShape(known, node);
    if (shape !== undefined) shapes.set(output, shape);
  }
  return known;
}

function inOrder({ axes, rank }: Value, row: RowShape): TensorShape {
  if (axes === "keras" || rank !== 4) return [null, ...row];
  const [height = null, width = null, channels = null] = row;
  return [null, channels, height, width];
}
