import type { NdArray } from "../ndarray.js";
import type { Network, NetworkWeights } from "../network/network.js";
import type { AbortOptions, Backend, LoadedNetwork } from "./backend.js";

/**
 * An optimizer with all of its settings: names, meaning and formulas are those of `keras.optimizers`. `learningRate` is
 * what a step takes that names none.
 */
export type OptimizerConfig =
  | {
      readonly name: "sgd";
      readonly learningRate: number;
      /** 0 for none. */
      readonly momentum: number;
      readonly nesterov: boolean;
    }
  | {
      readonly name: "rmsprop";
      readonly learningRate: number;
      readonly rho: number;
      readonly momentum: number;
      readonly epsilon: number;
      readonly centered: boolean;
    }
  | {
      readonly name: "adam";
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
    }
  | {
      readonly name: "adamw";
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      /** Each step first takes `learningRate * weightDecay` of every trained weight away from it. */
      readonly weightDecay: number;
    };

/**
 * What the output is compared by, with Keras's name and formula. `categorical_crossentropy` wants a softmax at the end of
 * the network and `binary_crossentropy` a sigmoid (a mean over the outputs of a row); both are computed from what goes
 * into it, so that log(0) cannot come up. `mean_squared_error` takes any output.
 */
export type LossName = "categorical_crossentropy" | "binary_crossentropy" | "mean_squared_error";

/** How gradients are kept small before the optimizer has them: one way at most, as in Keras. */
export interface GradientClipping {
  /** Greatest L2 norm of the gradient of each weight. */
  readonly clipnorm?: number | undefined;
  /** Greatest L2 norm of all gradients together. */
  readonly globalClipnorm?: number | undefined;
  /** Greatest absolute value of each number. */
  readonly clipvalue?: number | undefined;
}

/** How the weights of one layer are trained. */
export interface LayerTraining {
  /**
   * Whether they change. A BatchNormalization that is not trained also normalises with its moving statistics, and leaves
   * them alone, as Keras's does. @default true
   */
  readonly trainable?: boolean | undefined;
  /** Times the step's learning rate. @default 1 */
  readonly learningRateFactor?: number | undefined;
  /** Adds l1 * sum(|kernel|) to the loss while the layer is trained. @default the network's */
  readonly l1?: number | undefined;
  /** Adds l2 * sum(kernel^2) to the loss while the layer is trained. @default the network's */
  readonly l2?: number | undefined;
}

/** How a network is to be trained. */
export interface TrainingOptions extends AbortOptions {
  /** Compared with the network's only output. */
  readonly loss: LossName;
  /** Part of every target that is spread evenly over the classes (0.5 for a sigmoid), from 0 to below 1. @default 0 */
  readonly labelSmoothing?: number | undefined;
  readonly optimizer: OptimizerConfig;
  readonly clipping?: GradientClipping | undefined;
  /** Adds l1 * sum(|kernel|) to the loss, over every trained Dense and convolution kernel. @default 0 */
  readonly l1?: number | undefined;
  /** Adds l2 * sum(kernel^2) to the loss, over every trained Dense and convolution kernel. 0 for none. */
  readonly l2: number;
  /** What is otherwise for single layers, by the name of the layer that owns the weights. */
  readonly layers?: ReadonlyMap<string, LayerTraining> | undefined;
  /** Seeds dropout. Same seed, backend and machine: same weights. */
  readonly seed: number;
}

/** What may differ from step to step. */
export interface StepOptions {
  /** @default the optimizer's */
  readonly learningRate?: number | undefined;
  /** `[batch]`: each row's loss is multiplied by its weight; the sum is divided by the number of rows, as in Keras. */
  readonly sampleWeights?: NdArray<"float32"> | undefined;
}

/** What a step came to. */
export interface StepResult {
  /** The batch's mean loss before the step, penalties included. */
  readonly loss: number;
  /** The network's output that it was computed from, dropout included: `[batch, ...row]`. */
  readonly outputs: NdArray<"float32">;
}

/** All that decides how training goes on, as plain data. */
export interface TrainingState {
  /** Steps taken so far. Dropout's masks depend on nothing but the seed and this. */
  readonly step: number;
  readonly weights: NetworkWeights;
  /**
   * The optimizer's running values of the trained weights: `momentum` of SGD and RMSprop (where it is not 0), `velocity`
   * of RMSprop, `average_gradient` of a centered one, `momentum` and `velocity` of Adam and AdamW.
   */
  readonly slots: ReadonlyMap<string, NetworkWeights>;
}

/** A backend that can also train. */
export interface TrainableBackend extends Backend {
  /**
   * Prepares a network for training. Its weights are the starting point and are not changed.
   *
   * @throws InvalidArgumentError if an option is out of range, or names a layer that the network has not
   * @throws UnsupportedError if the backend cannot train a layer of it, or its output does not suit the loss
   */
  loadForTraining(network: Network, options: TrainingOptions): Promise<TrainableNetwork>;
}

/** A network under training. `run` infers with the weights of now. */
export interface TrainableNetwork extends LoadedNetwork {
  /**
   * One optimizer step on one batch.
   *
   * @param xs `[batch, ...row]`, of the input layer's dtype or float32
   * @param ys `[batch, ...row of the output]` float32: one-hot, several ones, any distribution, or numbers to be met
   */
  step(xs: NdArray, ys: NdArray<"float32">, options?: StepOptions): Promise<StepResult>;
  /** Current weights, copied out. */
  readWeights(): Promise<NetworkWeights>;
  /** Replaces all weights. */
  setWeights(weights: NetworkWeights): Promise<void>;
  /** Everything that the next step depends on, copied out. */
  readState(): Promise<TrainingState>;
  /** Goes on from a state of a network of the same layers and optimizer. @throws InvalidWeightsError if it does not fit */
  setState(state: TrainingState): Promise<void>;
}
