import type { LossName } from "../../trainable-backend.js";
import type { GraphWriter } from "./graph-writer.js";

/** Tensors that a loss is computed from. */
export interface LossInputs {
  /** `[batch, ...row]`: what goes into the softmax or sigmoid; for the squared error the output. */
  readonly logits: string;
  /** `[batch, ...row]` */
  readonly targets: string;
  /** `[batch, 1, ...]`: each row's weight, divided by the number of losses that the mean is taken over. */
  readonly shares: string;
  /** Size of the last axis. */
  readonly width: number;
}

/** Tensors that a loss comes to. */
export interface LossNodes {
  /** A number. */
  readonly loss: string;
  /** Gradient of the loss by the logits. */
  readonly gradient: string;
  /** The network's output. */
  readonly outputs: string;
}

/** Adds a loss, its gradient and the output of the network. Formulas: `keras.losses` with `sum_over_batch_size`. */
export function addLoss(w: GraphWriter, name: LossName, labelSmoothing: number, inputs: LossInputs): LossNodes {
  const { logits, shares, width } = inputs;
  const even = name === "categorical_crossentropy" ? 1 / width : 0.5;
  const targets =
    labelSmoothing === 0
      ? inputs.targets
      : w.node("Add", [w.scaled(inputs.targets, 1 - labelSmoothing), w.scalar(labelSmoothing * even)]);
  const axis = { axis: { int: -1 } };
  const alongLast = (tensor: string) => w.sum(tensor, [-1], true);
  const finished = (losses: string, slope: string, outputs: string): LossNodes => ({
    loss: w.sumOfAll(w.node("Mul", [losses, shares])),
    gradient: w.node("Mul", [slope, shares]),
    outputs,
  });
  switch (name) {
    case "categorical_crossentropy": {
      const outputs = w.node("Softmax", [logits], axis);
      const logarithms = w.node("LogSoftmax", [logits], axis);
      const losses = w.node("Neg", [alongLast(w.node("Mul", [targets, logarithms]))]);
      const slope = w.node("Sub", [w.node("Mul", [outputs, alongLast(targets)]), targets]);
      return finished(losses, slope, outputs);
    }
    case "binary_crossentropy": {
      // max(x, 0) - x * y + log(1 + exp(-|x|)), which loses no digits where x is large.
      const outputs = w.node("Sigmoid", [logits]);
      const product = w.node("Mul", [logits, targets]);
      const rest = w.node("Softplus", [w.node("Neg", [w.node("Abs", [logits])])]);
      const losses = w.node("Add", [w.node("Sub", [w.node("Relu", [logits]), product]), rest]);
      const slope = w.scaled(w.node("Sub", [outputs, targets]), 1 / width);
      return finished(w.scaled(alongLast(losses), 1 / width), slope, outputs);
    }
    case "mean_squared_error": {
      const difference = w.node("Sub", [logits, targets]);
      const losses = w.scaled(alongLast(w.node("Mul", [difference, difference])), 1 / width);
      return finished(losses, w.scaled(difference, 2 / width), w.node("Identity", [logits]));
    }
  }
}
