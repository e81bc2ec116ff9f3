import { UnsupportedError } from "../../../errors.js";
import type { Layer } from "../../../network/layer.js";
import type { Network, Weight } from "../../../network/network.js";
import type { RowShape } from "../../../network/row-shape.js";
import { inferShapes } from "../../../network/shapes.js";
import type { Perturbation } from "../../operations.js";
import type { TrainingPlan } from "../../training/training-plan.js";
import type { Initializer } from "../graph.js";
import type { GraphBuilder, Value } from "../graph-builder.js";
import type { LayerContext } from "../layer-context.js";
import { bindWeights } from "./bind-weights.js";
import type { ForwardGraph } from "./differentiate.js";
import { GraphWriter } from "./graph-writer.js";
import { addLayers, knownTensors } from "./layer-nodes.js";
import { addPerturbation, type Noise } from "./perturb-nodes.js";
import type { TensorShape } from "./tensor-shapes.js";

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
  const noise: NoiseInput[] = [];
  const moved = new Map<Float32Array, MovedStatistic>();
  const noiseShapes = new Map<string, TensorShape>();
  const {
    layers,
    result: logits,
    resultShapes,
  } = addLayers(builder, network, {
    output: training.output.name,
    shapes,
    layerOf: (layer) => (layer.name === training.output.name ? training.logits : layer),
    contextOf,
  });

  const changing = new Set<Float32Array>(moved.keys());
  for (const { layer, position } of training.trained) changing.add(weightAt(network, layer, position).array.data);
  const { layouts, constants, nodes } = bindWeights(builder.initializers, changing);
  for (const constant of constants) builder.constant(constant);
  builder.nodes.unshift(...nodes);
  const allLayers = [...nodes.map(({ outputs }) => outputs[0] as string), ...layers];
  const known = knownTensors(builder, new Map([...resultShapes, ...noiseShapes]));
  return {
    forward: { nodeCount: allLayers.length, layers: allLayers, known, refuse },
    logits,
    noise,
    moved: [...moved.values()],
    layouts,
  };

  function refuse(layer: string, fault: string): UnsupportedError {
    return new UnsupportedError(
      `Cannot train network "${network.name}" on onnx: layer "${layer}": ${fault}. ` +
        "Let the layers up to this one stand still (`trainable: false`), or use a backend of TensorFlow.js, such as tfjsNode().",
    );
  }

  function contextOf(layer: Layer): Omit<LayerContext, "findWeight"> {
    const trained = training.isTrained(layer);
    const writer = new GraphWriter(builder, layer.name);
    const perturb = (x: Value, perturbation: Perturbation): Value =>
      addPerturbation(writer, x, perturbation, (of) => {
        const tensor = builder.reserve(`${layer.name}/noise`);
        noise.push({ tensor, layer: layer.name, noise: of });
        noiseShapes.set(tensor, [null, ...noiseRow(of, shapes.get(layer.name) ?? [])]);
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
