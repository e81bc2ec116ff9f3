import type { TrainableBackend, TrainingOptions, TrainingState } from "../backends/trainable-backend.js";
import type { Network, NetworkWeights } from "../network/network.js";
import { takePixels } from "../network/take-pixels.js";
import { fitNetwork } from "../training/fit.js";
import type { FitContext, FitOptions } from "../training/fit-options.js";
import type { EpochLog } from "../training/history.js";
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

/** One call of `fit`, ready to run. */
export interface TrainingRun {
  readonly parts: ModelParts;
  /** The part of the network that is trained, on rows that come into it; undefined for all of it, on rows of pixels. */
  readonly part: Network | undefined;
  readonly backend: TrainableBackend;
  readonly training: TrainingOptions;
  /** Where the optimizer goes on; undefined if it begins. */
  readonly optimizer: OptimizerState | undefined;
  /** Opens the rows, once a backend has taken the network: what it refuses is refused before long work. */
  readonly openRows: () => Promise<TrainingRows>;
  readonly options: Omit<FitOptions, "validation">;
  readonly history: FitContext["history"];
  readonly onHistory: FitContext["onHistory"];
  /** The network with these weights as the bytes of a Keras file. */
  readonly encode: (network: Network) => Promise<Uint8Array>;
  /** Takes what training came to, also where it has failed or was stopped. */
  readonly onEnd: (network: Network, optimizer: OptimizerState) => void;
}

/**
 * Trains a model's network, or the part of it that is not frozen.
 *
 * @throws as `fitNetwork` does
 */
export async function trainModel(run: TrainingRun): Promise<readonly EpochLog[]> {
  const { parts, backend, optimizer } = run;
  const { preprocess, pictures } = parts;
  const network = run.part ?? takePixels(parts.network, { preprocess, imageSize: pictures.size, dtype: "float32" });
  const training = planOfPart(run.training, network);
  const loaded = await backend.loadForTraining(network, { ...training, signal: run.options.signal });
  try {
    await using rows = await run.openRows();
    if (optimizer !== undefined) await loaded.setState({ ...optimizer, weights: network.weights });
    try {
      return await fitNetwork(
        loaded,
        rows.train,
        { ...run.options, validation: rows.validation },
        {
          target: { inputShape: rowShapeOf(network), classLabels: parts.classLabels },
          topology: network,
          training,
          history: run.history,
          onHistory: run.onHistory,
          encodeModel: (weights) => run.encode(withWeights(parts.network, weights)),
        },
      );
    } finally {
      const { weights, ...rest } = await loaded.readState();
      run.onEnd(withWeights(parts.network, weights), rest);
    }
  } finally {
    await loaded.dispose();
  }
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
