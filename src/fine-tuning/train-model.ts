import type {
  TrainableBackend,
  TrainableNetwork,
  TrainingOptions,
  TrainingState,
} from "../backends/trainable-backend.js";
import type { Network, NetworkWeights } from "../network/network.js";
import { takePixels } from "../network/take-pixels.js";
import { fitNetwork } from "../training/fit.js";
import type { FitContext, FitOptions } from "../training/fit-options.js";
import type { EpochLog } from "../training/history.js";
import type { Target } from "../training/target.js";
import type { TrainingData } from "../training/training-data.js";
import type { ModelParts } from "./model-parts.js";
import { planOfPart } from "./training-plan.js";

/** Where the optimizer is, beside the weights. */
export type OptimizerState = Pick<TrainingState, "step" | "slots">;

/** Rows to train on, and to validate with. */
export interface TrainingRows extends AsyncDisposable {
  readonly train: TrainingData;
  readonly validation: TrainingData | undefined;
}

/** A model that is to be trained. */
export interface TrainingSetup {
  readonly parts: ModelParts;
  /** The part of the network that is trained, on rows that come into it; undefined for all of it, on rows of pixels. */
  readonly part: Network | undefined;
  readonly backend: TrainableBackend;
  readonly training: TrainingOptions;
  /** Where the optimizer goes on; undefined if it begins. */
  readonly optimizer: OptimizerState | undefined;
  /** Opens the rows, once a backend has taken the network: what it refuses is refused before long work. */
  readonly openRows: () => Promise<TrainingRows>;
  readonly signal: AbortSignal;
}

/** A model that a backend has taken. */
export interface LoadedTraining {
  readonly loaded: TrainableNetwork;
  readonly network: Network;
  readonly training: TrainingOptions;
  readonly target: Target;
  readonly rows: TrainingRows;
  /** The state that the network is in; undefined where its optimizer begins. */
  readonly start: TrainingState | undefined;
}

/** One call of `fit`, ready to run. */
export interface TrainingRun extends TrainingSetup {
  readonly options: Omit<FitOptions, "validation">;
  readonly history: FitContext["history"];
  readonly onHistory: FitContext["onHistory"];
  /** The network with these weights as the bytes of a Keras file. */
  readonly encode: (network: Network) => Promise<Uint8Array>;
  /** Takes what training came to, also where it has failed or was stopped. */
  readonly onEnd: (network: Network, optimizer: OptimizerState) => void;
}

/** Lends a model's network, or the part of it that is not frozen, to a task that trains it. */
export async function loadTraining<T>(
  setup: TrainingSetup,
  task: (training: LoadedTraining) => Promise<T>,
): Promise<T> {
  const { parts, backend, optimizer, signal } = setup;
  const { preprocess, pictures, classLabels } = parts;
  const network = setup.part ?? takePixels(parts.network, { preprocess, imageSize: pictures.size, dtype: "float32" });
  const training = planOfPart(setup.training, network);
  const loaded = await backend.loadForTraining(network, { ...training, signal });
  try {
    await using rows = await setup.openRows();
    const start = optimizer && { ...optimizer, weights: network.weights };
    if (start !== undefined) await loaded.setState(start);
    const target = { task: parts.task, inputShape: rowShapeOf(network), classLabels };
    return await task({ loaded, network, training, target, rows, start });
  } finally {
    await loaded.dispose();
  }
}

/**
 * Trains a model for some epochs.
 *
 * @throws as `fitNetwork` does
 */
export function trainModel(run: TrainingRun): Promise<readonly EpochLog[]> {
  const { parts, signal, history, onHistory } = run;
  return loadTraining(run, async ({ loaded, network, training, target, rows, start }) => {
    try {
      const options = { ...run.options, signal, validation: rows.validation };
      return await fitNetwork(loaded, rows.train, options, {
        target,
        topology: network,
        training,
        start,
        history,
        onHistory,
        encodeModel: (weights) => run.encode(withWeights(parts.network, weights)),
      });
    } finally {
      const { weights, ...rest } = await loaded.readState();
      run.onEnd(withWeights(parts.network, weights), rest);
    }
  });
}

function rowShapeOf({ layers, inputs }: Network): readonly number[] {
  const input = layers.find(({ name }) => name === inputs[0]);
  return input?.className === "InputLayer" ? input.config.shape.map(Number) : [];
}

/** The network with the weights that a part of it has come to. */
function withWeights(network: Network, weights: NetworkWeights): Network {
  return {
    ...network,
    weights: new Map([...network.weights].map(([layer, own]) => [layer, weights.get(layer) ?? own])),
  };
}
