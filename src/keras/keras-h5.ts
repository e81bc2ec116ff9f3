import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import type { JsonObject } from "./config-reader.js";
import { withKerasLayers } from "./keras-layers.js";
import { withoutDeadLayers } from "./keras-order.js";
import type { KerasSource } from "./keras-source.js";
import { type KerasNetwork, type LoadKerasOptions, loadKeras, loadKerasOptionNames } from "./load-keras.js";
import { type SaveKerasOptions, saveKeras, saveKerasOptionNames } from "./save-keras.js";
import { readSavedTfjs, type SavedTfjsModel } from "./saved-tfjs-model.js";
import { tfjsWeightName, toTfjsTopology } from "./tfjs-config.js";
import type { CompileConfig } from "./training-config.js";

/** What tfjs takes from a handler when it loads a model. */
export interface LoadedTfjsModel {
  readonly modelTopology: object;
  readonly weightSpecs: { name: string; shape: number[]; dtype: "float32" }[];
  readonly weightData: ArrayBuffer;
  readonly format: string;
  readonly generatedBy: string;
  readonly convertedBy: string | null;
  readonly trainingConfig?: { optimizer_config: object; loss: string; metrics?: string[] };
}

export type { SavedTfjsModel } from "./saved-tfjs-model.js";

/** A place to load models of tfjs from and to save them to: an `IOHandler` of tfjs, whose types it does not need. */
export interface KerasH5 {
  load(): Promise<LoadedTfjsModel>;
  save(model: SavedTfjsModel): Promise<{ modelArtifactsInfo: { dateSaved: Date; modelTopologyType: "JSON" } }>;
}

/** Options of {@link kerasH5}. */
export type KerasH5Options = LoadKerasOptions & SaveKerasOptions;

/**
 * Keras files for an app's own tfjs models: `tf.loadLayersModel(kerasH5("x.h5"))` opens one, `model.save(kerasH5("y.h5"))`
 * makes one that `keras.models.load_model` opens with equal predictions. Nothing else of this library is needed, and tfjs
 * is not loaded by it.
 *
 * Loading takes everything that {@link loadKeras} takes and gives a flat model. What tfjs-layers lacks, or would compute
 * otherwise than Keras without a word, is refused by name; `toLayersModel` brings layers of its own for that. Frozen layers
 * stay frozen. It is compiled where tfjs has the optimizer, the loss and all metrics.
 *
 * Saving takes the model's weights, its layers' settings, and with `includeOptimizer` how it was compiled, without the
 * optimizer's state.
 *
 * @param source path or URL of a Keras file, its bytes, `Blob` or `File`; a path in order to save
 * @throws InvalidArgumentError when it saves to anything but a path that ends in .h5, .hdf5 or .keras
 * @throws UnsupportedError for a layer that either side does not have; further errors as `loadKeras` and `saveKeras`
 *
 * @example
 * const model = await tf.loadLayersModel(kerasH5("model.h5"));
 * await model.save(kerasH5("copy.h5"));
 */
export function kerasH5(source: KerasSource, options: KerasH5Options = {}): KerasH5 {
  checkOptions("kerasH5", options, { ...loadKerasOptionNames, ...saveKerasOptionNames });
  const { overwrite, compile, l1, l2, frozen, classLabels, metadata, ...loading } = options;
  const { engine } = options;
  const saving = { engine, overwrite, compile, l1, l2, frozen, classLabels, metadata };
  return {
    load: async () => toTfjs(await loadKeras(source, loading)),
    async save(model) {
      if (typeof source !== "string") {
        throw new InvalidArgumentError(
          `Cannot save to ${describeValue(source)}: expected a path that ends in .h5, .hdf5 or .keras.`,
        );
      }
      const {
        network,
        kerasVersion: _,
        ...notes
      } = await readSavedTfjs(model, `Cannot save the tfjs model to "${source}"`);
      await saveKeras({ ...network, ...notes }, source, saving);
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } };
    },
  };
}

function toTfjs(loaded: KerasNetwork): LoadedTfjsModel {
  const network = withKerasLayers(withoutDeadLayers(loaded));
  const modelTopology = toTfjsTopology(network, loaded);
  const layers = new Map(network.layers.map((layer) => [layer.name, layer]));
  const weights = [...network.weights].flatMap(([name, list]) => {
    const layer = layers.get(name);
    return layer === undefined
      ? []
      : list.map((weight) => ({ name: tfjsWeightName(layer, weight.name), ...weight.array }));
  });
  const values = new Float32Array(weights.reduce((sum, { data }) => sum + data.length, 0));
  let position = 0;
  for (const { data } of weights) {
    values.set(data, position);
    position += data.length;
  }
  const trainingConfig = loaded.compile && toTfjsTraining(loaded.compile);
  return {
    modelTopology,
    weightSpecs: weights.map(({ name, shape }) => ({ name, shape: [...shape], dtype: "float32" })),
    weightData: values.buffer,
    format: "layers-model",
    generatedBy: loaded.kerasVersion === undefined ? "Keras" : `Keras ${loaded.kerasVersion}`,
    convertedBy: "cnn-transfer",
    ...(trainingConfig === undefined ? {} : { trainingConfig }),
  };
}

const losses: ReadonlySet<string> = new Set([
  "binary_crossentropy",
  "categorical_crossentropy",
  "sparse_categorical_crossentropy",
  "mean_squared_error",
  "mse",
  "mean_absolute_error",
  "mae",
]);
const metrics: ReadonlySet<string> = new Set([
  "accuracy",
  "acc",
  "binary_accuracy",
  "categorical_accuracy",
  "mse",
  "mae",
]);

/** How a model is compiled, where tfjs can be told; it would fail to load a model with a word that it does not know. */
function toTfjsTraining(compile: CompileConfig): LoadedTfjsModel["trainingConfig"] {
  const { loss, optimizer, clipping, metrics: names = [] } = compile;
  // tfjs clips nothing: trained on without, the model would go another way than it did.
  if (clipping !== undefined) return undefined;
  if (!losses.has(loss) || !names.every((name) => metrics.has(name))) return undefined;
  const { learningRate: learning_rate } = optimizer;
  const written = (class_name: string, config: JsonObject) => ({
    loss,
    metrics: [...names],
    optimizer_config: { class_name, config: { learning_rate, ...config } },
  });
  switch (optimizer.name) {
    case "adam":
      return written("Adam", { beta1: optimizer.beta1, beta2: optimizer.beta2, epsilon: optimizer.epsilon });
    case "sgd":
      if (optimizer.momentum === 0) return written("SGD", {});
      return written("Momentum", { momentum: optimizer.momentum, use_nesterov: optimizer.nesterov });
    case "rmsprop": {
      const { rho, momentum, epsilon, centered } = optimizer;
      return written("RMSProp", { decay: rho, momentum, epsilon, centered });
    }
    case "adamw":
      return undefined;
  }
}
