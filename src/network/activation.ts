/**
 * Activation functions, by Keras's names. `softmax`, `log_softmax` and `sparsemax` act on the last axis. Where Keras has one name for
 * two functions, there are two names here:
 *
 * - `hard_sigmoid` is Keras 3's min(max(x + 3, 0), 6) / 6, and `keras2_hard_sigmoid` that of Keras 1 and 2,
 *   min(max(0.2 x + 0.5, 0), 1).
 * - `sparsemax` is the projection onto the simplex, and `keras3_sparsemax` what Keras 3.8 to 3.15 computes by that name
 *   (https://github.com/keras-team/keras/issues/23425).
 * - `gelu` is the exact x (1 + erf(x / sqrt(2))) / 2, and `gelu_approximate` the one with tanh.
 *
 * `silu` is x sigmoid(x), also known as swish; `hard_silu` is x times Keras 3's hard_sigmoid, also known as hard_swish;
 * `relu6` is min(max(x, 0), 6); `elu` has the alpha 1; `hard_shrink` and `soft_shrink` have the threshold 0.5.
 */
export type Activation = ActivationName | LeakyReluActivation;

/** Activations without parameters. */
export type ActivationName = (typeof activationNames)[number];

/** x for x >= 0, negativeSlope * x below. Keras's `leaky_relu` has the slope 0.2. */
export interface LeakyReluActivation {
  readonly name: "leaky_relu";
  readonly negativeSlope: number;
}

/** Names of all activations without parameters. */
export const activationNames = [
  "linear",
  "elu",
  "exponential",
  "gelu",
  "gelu_approximate",
  "hard_shrink",
  "hard_sigmoid",
  "hard_silu",
  "hard_tanh",
  "keras2_hard_sigmoid",
  "keras3_sparsemax",
  "log_sigmoid",
  "log_softmax",
  "mish",
  "relu",
  "relu6",
  "selu",
  "sigmoid",
  "silu",
  "soft_shrink",
  "softmax",
  "softplus",
  "softsign",
  "sparse_plus",
  "sparse_sigmoid",
  "sparsemax",
  "squareplus",
  "tanh",
  "tanh_shrink",
] as const;
