import type { Shape } from "./ndarray.js";

const marker = Symbol.for("cnn-transfer.error");

/** What every error of this library may carry beside its message. */
export interface ErrorContext {
  /** The error that led to this one, as the operating system or a library gave it. */
  readonly cause?: unknown;
}

/**
 * Base of every error that this library throws on purpose. Its `name` is one of a closed set; {@link isCnnTransferError}
 * recognises it also when two copies of the library are loaded. A message says what was being done, what was expected,
 * what came, and what to do. An aborted operation rejects with the signal's own reason instead.
 */
export class CnnTransferError extends Error {
  override readonly name: string = "CnnTransferError";
  readonly [marker] = true;

  constructor(message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
  }
}

/** An option or argument is not what the function takes: an unknown name, a number out of range, a wrong type. */
export class InvalidArgumentError extends CnnTransferError {
  override readonly name = "InvalidArgumentError";
}

/** An array has another shape, row count or element type than the receiver takes. */
export class ShapeMismatchError extends CnnTransferError {
  override readonly name = "ShapeMismatchError";
  /** The shape that was expected; -1 or null stands for any size. */
  readonly expected: readonly (number | null)[];
  /** The shape that came. */
  readonly received: readonly (number | null)[];

  constructor(
    message: string,
    shapes: { readonly expected: readonly (number | null)[]; readonly received: Shape | readonly (number | null)[] },
    context: ErrorContext = {},
  ) {
    super(message, context);
    this.expected = shapes.expected;
    this.received = shapes.received;
  }
}

/** An object was used after `close`, `abort` or `dispose`. */
export class ClosedError extends CnnTransferError {
  override readonly name = "ClosedError";
}

/** Something that this combination of network, backend, engine or platform cannot do; the message names one that can. */
export class UnsupportedError extends CnnTransferError {
  override readonly name = "UnsupportedError";
}

/** A backend's library is missing or did not start. `reasons` has one entry for each backend that was tried. */
export class BackendUnavailableError extends CnnTransferError {
  override readonly name = "BackendUnavailableError";
  readonly reasons: readonly { readonly backend: string; readonly reason: string }[];

  constructor(
    message: string,
    reasons: readonly { readonly backend: string; readonly reason: string }[],
    context: ErrorContext = {},
  ) {
    super(message, context);
    this.reasons = reasons;
  }
}

/** A backend failed while it ran a network or a training step. */
export class BackendError extends CnnTransferError {
  override readonly name = "BackendError";
}

/** Training came to numbers that are not finite. The network has the weights again that it had before the epoch. */
export class TrainingDivergedError extends CnnTransferError {
  override readonly name = "TrainingDivergedError";
  /** The epoch, counted from 1. */
  readonly epoch: number;
  /** The batch in the epoch, counted from 1. */
  readonly batch: number;

  constructor(message: string, place: { readonly epoch: number; readonly batch: number }, context: ErrorContext = {}) {
    super(message, context);
    this.epoch = place.epoch;
    this.batch = place.batch;
  }
}

/** A checkpoint is damaged, or holds the state of another training than the one that is to go on from it. */
export class InvalidCheckpointError extends CnnTransferError {
  override readonly name = "InvalidCheckpointError";
  readonly path: string;
  /** What differs between the training in the file and this one, in words; empty if the file cannot be read. */
  readonly differences: readonly string[];

  constructor(
    message: string,
    details: { readonly path: string; readonly differences: readonly string[] },
    context: ErrorContext = {},
  ) {
    super(message, context);
    this.path = details.path;
    this.differences = details.differences;
  }
}

/** A network is not a valid graph: a missing input, a cycle, a layer whose shapes do not fit. */
export class InvalidNetworkError extends CnnTransferError {
  override readonly name = "InvalidNetworkError";
  /** The layer at fault, where there is one. */
  readonly layer: string | undefined;

  constructor(message: string, context: ErrorContext & { readonly layer?: string } = {}) {
    super(message, context);
    this.layer = context.layer;
  }
}

/** A weights file does not hold the weights of the network that it was given for, or cannot be read. */
export class InvalidWeightsError extends CnnTransferError {
  override readonly name = "InvalidWeightsError";
  /** The first layer that differs, where there is one. */
  readonly layer: string | undefined;

  constructor(message: string, context: ErrorContext & { readonly layer?: string } = {}) {
    super(message, context);
    this.layer = context.layer;
  }
}

/** Weights could not be downloaded, verified or stored. The message says how to go on offline. */
export class WeightsDownloadError extends CnnTransferError {
  override readonly name = "WeightsDownloadError";
  /** Where the weights come from. */
  readonly url: string;
  /**
   * Where the file belongs; a file put there by hand is taken. Undefined where nothing is kept, as `loadKeras` keeps
   * nothing of a URL: then give the file's path or bytes instead.
   */
  readonly cachePath: string | undefined;
  readonly reason: "network" | "http-status" | "hash" | "disk" | "size";

  constructor(
    message: string,
    details: {
      readonly url: string;
      readonly cachePath: string | undefined;
      readonly reason: "network" | "http-status" | "hash" | "disk" | "size";
    },
    context: ErrorContext = {},
  ) {
    super(message, context);
    this.url = details.url;
    this.cachePath = details.cachePath;
    this.reason = details.reason;
  }
}

/** A picture could not be decoded. */
export class ImageDecodeError extends CnnTransferError {
  override readonly name = "ImageDecodeError";
  /** The picture's path or name. */
  readonly image: string;
  /** Why, in a few words. */
  readonly reason: string;

  constructor(image: string, reason: string, context: ErrorContext = {}) {
    super(
      `Cannot decode "${image}": ${reason}. Repair or remove it, or pass \`onError: "skip"\` to leave it out.`,
      context,
    );
    this.image = image;
    this.reason = reason;
  }
}

/** An HDF5 file cannot be opened or read, or is not a data set: a missing key, unequal row counts, not completed. */
export class InvalidDatasetError extends CnnTransferError {
  override readonly name = "InvalidDatasetError";
  /** The file's path, or a description of its bytes. */
  readonly path: string;

  constructor(path: string, message: string, context: ErrorContext = {}) {
    super(message, context);
    this.path = path;
  }
}

/** A Keras model file cannot be turned into a network. */
export class InvalidModelError extends CnnTransferError {
  override readonly name = "InvalidModelError";
}

/** The operating system refused to read or write a file: it exists already, is locked, is missing, the disk is full. */
export class FileAccessError extends CnnTransferError {
  override readonly name = "FileAccessError";
  readonly path: string;
  readonly reason: "exists" | "locked" | "missing" | "disk-full" | "not-permitted" | "other";

  constructor(
    message: string,
    details: {
      readonly path: string;
      readonly reason: "exists" | "locked" | "missing" | "disk-full" | "not-permitted" | "other";
    },
    context: ErrorContext = {},
  ) {
    super(message, context);
    this.path = details.path;
    this.reason = details.reason;
  }
}

/** Every error of this library, by name. */
export interface CnnTransferErrors {
  readonly CnnTransferError: CnnTransferError;
  readonly InvalidArgumentError: InvalidArgumentError;
  readonly ShapeMismatchError: ShapeMismatchError;
  readonly ClosedError: ClosedError;
  readonly UnsupportedError: UnsupportedError;
  readonly BackendUnavailableError: BackendUnavailableError;
  readonly BackendError: BackendError;
  readonly TrainingDivergedError: TrainingDivergedError;
  readonly InvalidCheckpointError: InvalidCheckpointError;
  readonly InvalidNetworkError: InvalidNetworkError;
  readonly InvalidWeightsError: InvalidWeightsError;
  readonly WeightsDownloadError: WeightsDownloadError;
  readonly ImageDecodeError: ImageDecodeError;
  readonly InvalidDatasetError: InvalidDatasetError;
  readonly InvalidModelError: InvalidModelError;
  readonly FileAccessError: FileAccessError;
}

/**
 * Tells whether `error` was thrown by this library, and with a name whether it is that one. Works across copies of the
 * library, where `instanceof` does not.
 *
 * @example
 * if (isCnnTransferError(error, "WeightsDownloadError")) console.log(error.cachePath);
 */
export function isCnnTransferError<N extends keyof CnnTransferErrors = "CnnTransferError">(
  error: unknown,
  name?: N,
): error is CnnTransferErrors[N] {
  if (!(error instanceof Error) || !(marker in error)) return false;
  return name === undefined || name === "CnnTransferError" || error.name === name;
}
