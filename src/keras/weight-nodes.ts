import type { NdArray, Shape } from "../ndarray.js";
import type { Topology } from "../network/network.js";
import { weightShapes } from "../network/weight-shapes.js";
import { convertWeight } from "./check-composition.js";
import type { PartWeight } from "./custom-layer.js";
import type { ModelTree } from "./model-tree.js";
import type { FlatModel } from "./read-topology.js";
import { type KernelDialect, storedForm } from "./stored-kernels.js";

/** A weight that a layer needs. */
export interface NeededWeight {
  /** Keras's short name. */
  readonly name: string;
  readonly shape: Shape;
  /** How the file has it, where that is another form. */
  readonly stored?: StoredForm | undefined;
  /** Where it belongs to and comes from, if the layer is a custom one. */
  readonly custom?: Pick<PartWeight, "part" | "source"> | undefined;
}

/** Another form of a weight than ours, such as a kernel of Theano. */
export interface StoredForm {
  readonly shape: Shape;
  readonly restore: (stored: NdArray<"float32">) => NdArray<"float32">;
}

/** A layer with weights. */
export interface WeightLayer {
  readonly kind: "layer";
  /** Name in the Keras model. */
  readonly name: string;
  /** Name in the network. */
  readonly layer: string;
  /** Keras's class. */
  readonly className: string;
  readonly trainable: boolean;
  readonly weights: readonly NeededWeight[];
  /** Whether it is of the model's own class, with weights in the file that may lie in layers of its own. */
  readonly isOwn?: boolean;
}

/** A model inside of a model: files of weights treat it as one layer. */
export interface WeightModel {
  readonly kind: "model";
  readonly name: string;
  readonly className: string;
  readonly nodes: readonly WeightNode[];
}

/** What a file of weights has in the place of one layer. */
export type WeightNode = WeightLayer | WeightModel;

/** Layers of a node that have weights, in order. */
export function weightLayers(node: WeightNode): readonly WeightLayer[] {
  if (node.kind === "model") return node.nodes.flatMap(weightLayers);
  return node.weights.length > 0 ? [node] : [];
}

/** Nodes of a flat network: one for each layer with weights of its own, in order. */
export function flatWeightNodes(topology: Topology): readonly WeightLayer[] {
  const classNames = new Map(topology.layers.map(({ name, className }) => [name, className]));
  return [...weightShapes(topology)].map(([name, weights]) => ({
    kind: "layer",
    name,
    layer: name,
    className: classNames.get(name) as string,
    trainable: true,
    weights,
  }));
}

/** Nodes of a model as its config nests them. */
export function modelWeightNodes(flat: FlatModel, dialect: KernelDialect = {}): readonly WeightNode[] {
  const needed = weightShapes(flat.topology);
  const origins = new Map(flat.origins.map((origin) => [origin.entry, origin]));
  const walk = (model: ModelTree): readonly WeightNode[] =>
    model.entries.map((entry): WeightNode => {
      const { name, className } = entry;
      if (entry.model !== undefined) return { kind: "model", name, className, nodes: walk(entry.model) };
      const origin = origins.get(entry);
      const layer = origin?.name ?? name;
      const composed = flat.composed.get(layer);
      if (composed !== undefined) {
        const weights = composed.weights.map(customWeight);
        const { isOwn } = composed;
        return { kind: "layer", name, layer, className, trainable: origin?.trainable ?? true, weights, isOwn };
      }
      const weights = (needed.get(origin?.name ?? "") ?? []).map((weight) => ({
        ...weight,
        stored: origin && storedForm(dialect, origin, weight, flat.channelsFirst),
      }));
      return { kind: "layer", name, layer, className, trainable: origin?.trainable ?? true, weights };
    });
  return walk(flat.tree);
}

function customWeight({ name, shape, part, source }: PartWeight): NeededWeight {
  const { shape: storedShape, convert } = source;
  const isOther = storedShape !== undefined || convert !== undefined;
  const restore = (array: NdArray<"float32">) => convertWeight(source, array);
  const stored = isOther ? { shape: storedShape ?? shape, restore } : undefined;
  return { name, shape, stored, custom: { part, source } };
}
