import type { Layer } from "../../../network/layer.js";
import type { Network, Weight } from "../../../network/network.js";
import type { RowShape } from "../../../network/row-shape.js";
import { inferShapes } from "../../../network/shapes.js";
import type { Perturbation } from "../../operations.js";
import type { TrainingPlan } from "../../training/training-plan.js";
import type { GraphNode, Initializer } from "../graph.js";
import type { GraphBuilder, Value } from "../graph-builder.js";
import type { LayerContext } from "../layer-context.js";
import { lowerLayer } from "../lower.js";
import { bindWeights } from "./bind-weights.js";
import type { ForwardGraph } from "./differentiate.js";
import { GraphWriter } from "./graph-writer.js";
import { addPerturbation, type Noise } from "./perturb-nodes.js";
import { inferNodeShape, initializerShape, type TensorShape } from "./tensor-shapes.js";

/** Random numbers that a step is to bring along. */
export interface NoiseInput {
  /** The graph's input. */
  readonly tensor: string;
  readonly layer: string;
  readonly noise: Noise;
}

/** The layers of a network as they act in training. */
export interface TrainingForward {
  readonly forward: ForwardGraph;
  /** `[batch, ...row]`: what goes into the loss. */
  readonly logits: string;
  readonly noise: readonly NoiseInput[];
  readonly moved: readonly MovedStatistic[];
  /** How the weights that change lie in the graph, by their values. */
  readonly layouts: ReadonlyMap<Float32Array, Initializer>;
}

/** A moving mean or variance, and the tensor of what it becomes. */
export interface MovedStatistic {
  readonly layer: string;
  readonly name: string;
  readonly values: Float32Array;
  readonly next: string;
}

/** Adds the layers of a network as they act in training, up to what the loss is computed from. */
export function addForward(builder: GraphBuilder, training: TrainingPlan): TrainingForward {
  const { network } = training.plan;
  const shapes = inferShapes(network);
  const values = new Map<string, Value>();
  const layers: string[] = [];
  const noise: NoiseInput[] = [];
  const moved = new Map<Float32Array, MovedStatistic>();
  const resultShapes = new Map<string, TensorShape>();
  for (const layer of network.layers) {
    const value = lowered(layer.name === training.output.name ? training.logits : layer);
    values.set(layer.name, value);
    while (layers.length < builder.nodes.length) layers.push(layer.name);
    resultShapes.set(value.tensor, inOrder(value, shapes.get(layer.name) ?? []));
  }
  const logits = builder.view(values.get(training.output.name) as Value, "keras").tensor;
  while (layers.length < builder.nodes.length) layers.push(training.output.name);

  const changing = new Set<Float32Array>(moved.keys());
  for (const { layer, position } of training.trained) changing.add(weightAt(network, layer, position).array.data);
  const { layouts, constants, nodes } = bindWeights(builder.initializers, changing);
  for (const constant of constants) builder.constant(constant);
  builder.nodes.unshift(...nodes);
  layers.unshift(...nodes.map(({ outputs }) => outputs[0] as string));
  const known = knownTensors(builder, resultShapes);
  return {
    forward: { network: network.name, nodeCount: layers.length, layers, known },
    logits,
    noise,
    moved: [...moved.values()],
    layouts,
  };

  function lowered(layer: Layer): Value {
    if (layer.className === "InputLayer") {
      return { tensor: layer.name, axes: "keras", rank: layer.config.shape.length + 1, elementType: "float32" };
    }
    return lowerLayer(builder, network, layer, values, shapes, contextOf(layer));
  }

  function contextOf(layer: Layer): Omit<LayerContext, "findWeight"> {
    const trained = training.isTrained(layer);
    const writer = new GraphWriter(builder, layer.name);
    const perturb = (x: Value, perturbation: Perturbation): Value =>
      addPerturbation(writer, x, perturbation, (of) => {
        const tensor = builder.reserve(`${layer.name}/noise`);
        noise.push({ tensor, layer: layer.name, noise: of });
        resultShapes.set(tensor, [null, ...noiseRow(of, shapes.get(layer.name) ?? [])]);
        return builder.view({ tensor, axes: "keras", rank: x.rank, elementType: "float32" }, x.axes).tensor;
      });
    if (!trained || layer.className !== "BatchNormalization") return { trained, perturb };
    const { momentum } = layer.config;
    return {
      trained,
      batchStatistics(mean, variance) {
        move(layer, "moving_mean", mean, momentum);
        move(layer, "moving_variance", variance, momentum);
      },
    };
  }

  /** moving * momentum + batch * (1 - momentum), once more each time that the layer is used. */
  function move(layer: Layer, name: string, ofBatch: string, momentum: number): void {
    const writer = new GraphWriter(builder, layer.name);
    const owner = layer.weightsOf ?? layer.name;
    const position = (network.weights.get(owner) ?? []).findIndex((weight) => weight.name === name);
    const { shape, data } = weightAt(network, owner, position).array;
    const own = builder.constant({ name: `${owner}/${name}`, shape, data });
    const kept = writer.scaled(moved.get(data)?.next ?? own, momentum);
    const next = writer.node("Add", [kept, writer.scaled(ofBatch, 1 - momentum)]);
    moved.set(data, { layer: owner, name, values: data, next });
  }
}

/** Shape of a row of random numbers for a layer whose rows have this shape. */
export function noiseRow({ per }: Noise, row: RowShape): RowShape {
  const last = row.length - 1;
  return row.map((size, axis) => (per === "value" || (per === "channel" && axis === last) ? size : 1));
}

function weightAt({ weights }: Network, layer: string, position: number): Weight {
  return weights.get(layer)?.[position] as Weight;
}

function knownTensors(builder: GraphBuilder, resultShapes: ReadonlyMap<string, TensorShape>): ForwardGraph["known"] {
  const initializers = new Map(builder.initializers.map((initializer) => [initializer.name, initializer]));
  const shapes = new Map(resultShapes);
  for (const initializer of initializers.values()) shapes.set(initializer.name, initializerShape(initializer));
  const known = { shapes, initializers };
  for (const node of builder.nodes as readonly GraphNode[]) {
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
