import type { HDF5Attribute, HDF5Item, WritableHDF5Engine } from "../hdf5/engine.js";
import { defaultWritableEngine } from "../hdf5/writable-engine.js";
import { checkNetwork } from "../network/check-network.js";
import type { Network } from "../network/network.js";
import { validateNetwork } from "../network/validate.js";
import { checkOneOf, checkTexts, checkWellFormed } from "../options/check-option.js";
import { checkOptions, type OptionNames } from "../options/check-options.js";
import { json, labelNames, stringList, text } from "./hdf5-items.js";
import { encodeKerasArchive, kerasVersion, type ModelNotes, type ModelWriting } from "./keras-archive.js";
import { withKerasLayers } from "./keras-layers.js";
import { withKerasNames } from "./keras-names.js";
import { kerasLayerOrder, withoutDeadLayers } from "./keras-order.js";
import { toModelConfig } from "./model-config.js";
import { type CompileConfig, toTrainingConfig } from "./training-config.js";

export type { ModelNotes } from "./keras-archive.js";

/** Options of {@link encodeKerasModel}. What a {@link KerasNetwork} has of these itself is taken where an option is absent. */
export interface EncodeModelOptions extends ModelNotes {
  /**
   * `h5`: the legacy format, which Keras 2 and 3 open. `keras`: the one that Keras 3 recommends; Keras 2 opens it from 2.13
   * on. Default `h5`.
   */
  readonly format?: "h5" | "keras" | undefined;
  /** Writes the file. @default h5wasm() */
  readonly engine?: WritableHDF5Engine | undefined;
  /** How the model is compiled after loading. Absent: Keras loads it uncompiled. */
  readonly compile?: CompileConfig | undefined;
  /** L1 penalty that the saved model puts on each kernel while it trains. Default 0, none. */
  readonly l1?: number | undefined;
  /** L2 penalty that the saved model puts on each kernel while it trains. Default 0, none. */
  readonly l2?: number | undefined;
  /** Names of the layers whose weights stand still while training. Default none. */
  readonly frozen?: readonly string[] | undefined;
}

/** Names of {@link EncodeModelOptions}. */
export const encodeModelOptionNames: OptionNames<EncodeModelOptions> = {
  format: true,
  engine: true,
  compile: true,
  l1: true,
  l2: true,
  frozen: true,
  classLabels: true,
  metadata: true,
};

/** A network to be written, perhaps with what {@link loadKeras} found beside it. */
export type WritableNetwork = Network & Pick<EncodeModelOptions, "compile" | "l1" | "l2" | "frozen" | keyof ModelNotes>;

/**
 * Makes a Keras file that `keras.models.load_model` of Keras 2 and 3 opens with equal predictions: a flat Functional model,
 * its weights, and how it is compiled.
 *
 * A slash in a layer's name becomes an underscore, as Keras 3 takes none. Layers that no output is computed from are left
 * out, as Keras leaves them out.
 *
 * Formats: Keras's `legacy_h5_format` and `saving_lib`. Optimizer slots are not written: with them Keras 3 loads a legacy
 * file but cannot `fit`.
 *
 * @returns the file's bytes
 * @throws UnsupportedError for a layer that Keras has no class for, such as PreprocessInput
 * @throws InvalidArgumentError if `classLabels` are not texts, or one has half of a surrogate pair; if `format` is not one
 * @throws InvalidNetworkError if the graph is not valid, or weights do not fit its layers
 *
 * @example
 * await writeFile("vgg16.h5", await encodeKerasModel(await createNetwork("vgg16")));
 */
export async function encodeKerasModel(
  network: WritableNetwork,
  options: EncodeModelOptions = {},
): Promise<Uint8Array> {
  checkNetwork("network", network);
  checkOptions("encodeKerasModel", options, encodeModelOptionNames);
  validateNetwork(network);
  const { format = "h5", engine = defaultWritableEngine() } = options;
  checkOneOf("format", format, ["h5", "keras"]);
  const { frozen, ...named } = withKerasNames({
    ...withKerasLayers(withoutDeadLayers(network)),
    frozen: options.frozen ?? network.frozen ?? [],
  });
  const writing: ModelWriting = {
    frozen,
    compile: options.compile ?? network.compile,
    l1: options.l1 ?? network.l1,
    l2: options.l2 ?? network.l2,
    classLabels: options.classLabels ?? network.classLabels,
    metadata: options.metadata ?? network.metadata,
  };
  if (writing.classLabels !== undefined) {
    checkTexts("classLabels", writing.classLabels, '["cats", "dogs"]');
    checkWellFormed("classLabels", writing.classLabels);
  }
  return format === "h5" ? engine.encode(legacyItems(named, writing)) : encodeKerasArchive(named, writing, engine);
}

function* legacyItems(network: Network, writing: ModelWriting): Generator<HDF5Item> {
  const versions: [string, HDF5Attribute][] = [
    ["keras_version", text(kerasVersion)],
    ["backend", text("tensorflow")],
  ];
  const root = new Map<string, HDF5Attribute>([...versions, ["model_config", json(toModelConfig(network, writing))]]);
  if (writing.compile !== undefined) root.set("training_config", json(toTrainingConfig(writing.compile)));
  if (writing.metadata !== undefined) root.set("metadata", json(writing.metadata));
  yield { path: "/", attributes: root };

  const names = kerasLayerOrder(network);
  yield {
    path: "/model_weights",
    attributes: new Map([...versions, ...stringList("layer_names", names)]),
  };
  for (const name of names) {
    const weights = network.weights.get(name) ?? [];
    const paths = weights.map((weight) => `${name}/${weight.name}:0`);
    yield { path: `/model_weights/${name}`, attributes: new Map(stringList("weight_names", paths)) };
    for (const [index, { array }] of weights.entries()) {
      yield { path: `/model_weights/${name}/${paths[index]}`, data: array };
    }
  }
  if (writing.classLabels !== undefined) yield labelNames(writing.classLabels);
}
