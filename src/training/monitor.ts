import { InvalidArgumentError } from "../errors.js";
import { checkOneOf, describeValue } from "../options/check-option.js";
import type { EpochFigure } from "./history.js";

/** Which figure of an epoch is watched, and what is better. */
export interface MonitorOptions {
  /** @default "valLoss" */
  readonly monitor?: EpochFigure | undefined;
  /** Whether less or more is better. @default "auto": more of an accuracy, less of everything else */
  readonly mode?: "auto" | "min" | "max" | undefined;
  /** Smallest difference that counts as better. @default 0 */
  readonly minDelta?: number | undefined;
}

/** A figure that is watched. */
export interface Monitor {
  readonly figure: EpochFigure;
  /**
   * Whether a value is better than the best so far, as Keras's callbacks judge; the first value is. NaN never is: in Keras a
   * first NaN stays the best for ever.
   */
  isBetter(value: number, best: number | undefined): boolean;
}

/**
 * Resolves what to watch.
 *
 * @param option where it was asked for, for messages
 * @param figures what an epoch of this training has
 * @throws InvalidArgumentError for a figure that epochs do not have, or a setting out of range
 */
export function createMonitor(option: string, options: MonitorOptions, figures: readonly EpochFigure[]): Monitor {
  const { monitor = "valLoss", mode = "auto", minDelta = 0 } = options;
  if (!figures.includes(monitor)) {
    const hint = String(monitor).startsWith("val")
      ? " Give `validation` to `fit` to have those that begin with val."
      : "";
    throw new InvalidArgumentError(
      `\`${option}.monitor\` is ${describeValue(monitor)}: expected one of the figures of this training, "${figures.join('", "')}".${hint}`,
    );
  }
  checkOneOf(`${option}.mode`, mode, ["auto", "min", "max"]);
  checkNotNegative(`${option}.minDelta`, minDelta);
  const more = mode === "auto" ? monitor.toLowerCase().endsWith("accuracy") : mode === "max";
  return {
    figure: monitor,
    isBetter: (value, best) =>
      !Number.isNaN(value) && (best === undefined || (more ? value - minDelta > best : value + minDelta < best)),
  };
}

/** @throws InvalidArgumentError if a number of epochs is not 0 or a positive integer */
export function checkEpochs(option: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new InvalidArgumentError(`\`${option}\` is ${describeValue(value)}: expected a number of epochs, 0 or more.`);
}

/** @throws InvalidArgumentError if a number is not finite, or below 0 */
export function checkNotNegative(option: string, value: number): void {
  if (value >= 0 && Number.isFinite(value)) return;
  throw new InvalidArgumentError(`\`${option}\` is ${describeValue(value)}: expected 0 or a number above it.`);
}
