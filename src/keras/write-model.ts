import type { HDF5Attribute, HDF5Item, WritableHDF5Engine } from "../hdf5/engine.js";
import { defaultWritableEngine } from "../hdf5/writable-engine.js";
import type { NdArray } from "../ndarray.js";
import type { Network } from "../network/network.js";
import { validateNetwork } from "../network/validate.js";
import { checkTexts, checkWellFormed } from "../options/check-option.js";
import { withKerasNames } from "./keras-names.js";
import type { Json } from "./layer-config.js";
import { toModelConfig } from "./model-config.js";
import { type CompileConfig, toTrainingConfig } from "./training-config.js";

/**
 * Keras version named in the files that we write. Their dialect is that of the last Keras 2, which Keras 2 and 3 read;
 * without a version Keras 2 would take them for files of Keras 1.
 */
const kerasVersion = "2.15.0";

/** Things that Keras has no place for. It ignores them, and drops them when it saves the model itself. */
export interface ModelNotes {
  /** Names of the classes, in the order of the network's outputs. Dataset `label_names` of the file, as in feature files. */
  readonly classLabels?: readonly string[] | undefined;
  /** Anything else worth keeping, such as where the features come from. Root attribute `metadata`, as JSON. */
  readonly metadata?: Readonly<Record<string, string | number>> | undefined;
}

/** Options of {@link encodeKerasModel}. */
export interface EncodeModelOptions extends ModelNotes {
  /** Writes the file. @default h5wasm() */
  readonly engine?: WritableHDF5Engine | undefined;
  /** How the model is compiled after loading. Absent: Keras loads it uncompiled. */
  readonly compile?: CompileConfig | undefined;
  /** L2 penalty that the saved model puts on each kernel while it trains. Default 0, none. */
  readonly l2?: number | undefined;
}

/**
 * Makes a legacy Keras `.h5` file that `keras.models.load_model` of Keras 2 and 3 opens with equal predictions: a flat
 * Functional model, its weights, and how it is compiled.
 *
 * A slash in a layer's name becomes an underscore, as Keras 3 takes none.
 *
 * Format: Keras's `legacy_h5_format`. Optimizer slots are not written: with them Keras 3 loads the file but cannot `fit`.
 *
 * @returns the file's bytes
 * @throws UnsupportedError for a layer that Keras has no class for, such as PreprocessInput
 * @throws InvalidArgumentError if `classLabels` are not texts, or one has half of a surrogate pair
 * @throws InvalidNetworkError if the graph is not valid, or weights do not fit its layers
 *
 * @example
 * await writeFile("vgg16.h5", await encodeKerasModel(await createNetwork("vgg16")));
 */
export async function encodeKerasModel(network: Network, options: EncodeModelOptions = {}): Promise<Uint8Array> {
  validateNetwork(network);
  if (options.classLabels !== undefined) {
    checkTexts("classLabels", options.classLabels, '["cats", "dogs"]');
    checkWellFormed("classLabels", options.classLabels);
  }
  return (options.engine ?? defaultWritableEngine()).encode(modelItems(withKerasNames(network), options));
}

function* modelItems(network: Network, options: EncodeModelOptions): Generator<HDF5Item> {
  const versions: [string, HDF5Attribute][] = [
    ["keras_version", text(kerasVersion)],
    ["backend", text("tensorflow")],
  ];
  const root = new Map<string, HDF5Attribute>([
    ...versions,
    ["model_config", json(toModelConfig(network, options.l2 ?? 0))],
  ]);
  if (options.compile !== undefined) root.set("training_config", json(toTrainingConfig(options.compile)));
  if (options.metadata !== undefined) root.set("metadata", json(options.metadata));
  yield { path: "/", attributes: root };

  const owners = network.layers.filter(({ weightsOf }) => weightsOf === undefined);
  const names = owners.map(({ name }) => name);
  yield {
    path: "/model_weights",
    attributes: new Map([...versions, ...stringList("layer_names", names)]),
  };
  for (const { name } of owners) {
    const weights = network.weights.get(name) ?? [];
    const paths = weights.map((weight) => `${name}/${weight.name}:0`);
    yield { path: `/model_weights/${name}`, attributes: new Map(stringList("weight_names", paths)) };
    for (const [index, { array }] of weights.entries()) {
      yield { path: `/model_weights/${name}/${paths[index]}`, data: array };
    }
  }
  if (options.classLabels !== undefined) {
    const data = options.classLabels;
    yield { path: "/label_names", data: { dtype: "string", shape: [data.length], data } };
  }
}

function text(value: string): HDF5Attribute {
  return { dtype: "string", shape: [], data: [value] };
}

function json(value: Json): HDF5Attribute {
  return text(JSON.stringify(value));
}

/** Names in the compact part of an attribute must stay below this, as Keras does, to fit into an object header. */
const attributeLimit = 64_512;

/** A list of strings as an attribute; a long one is cut into `name0`, `name1`, ... by Keras's rule. */
function stringList(name: string, values: readonly string[]): [string, HDF5Attribute][] {
  // An empty list of strings is written by h5py, and so by Keras, as an empty list of numbers.
  if (values.length === 0) return [[name, emptyList]];
  const bytes = values.length * Math.max(...values.map((value) => new TextEncoder().encode(value).length));
  if (bytes <= attributeLimit) return [[name, { dtype: "string", shape: [values.length], data: values }]];
  const parts = Math.ceil(bytes / attributeLimit);
  const longer = values.length % parts;
  let start = 0;
  return Array.from({ length: parts }, (_, part): [string, HDF5Attribute] => {
    const end = start + Math.floor(values.length / parts) + (part < longer ? 1 : 0);
    const data = values.slice(start, end);
    start = end;
    return [`${name}${part}`, { dtype: "string", shape: [data.length], data }];
  });
}

const emptyList: NdArray<"float64"> = { dtype: "float64", shape: [0], data: new Float64Array(0) };
