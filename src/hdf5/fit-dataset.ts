import { InvalidArgumentError, UnsupportedError } from "../errors.js";
import { type DatasetBatch, oneHot } from "./dataset-batch.js";

/** The one function of TensorFlow.js that is needed: `tf` itself fits. */
export interface TensorFactory<T> {
  tensor(values: Float32Array | Int32Array, shape: number[], dtype: "float32" | "int32"): T;
}

/** How batches become tensors. */
export interface FitDatasetOptions<T> {
  /** The app's own TensorFlow.js. @default `@tensorflow/tfjs-core`, imported when the first batch is asked for */
  readonly tf?: TensorFactory<T> | undefined;
  /**
   * `true` for labels as one-hot rows `[batch, classes]` float32, for `categoricalCrossentropy`; `false` for class
   * indices `[batch]` float32, for `sparseCategoricalCrossentropy`. @default true
   */
  readonly binarize?: boolean | undefined;
  /** Number of classes of one-hot rows. @default the number of class names */
  readonly classes?: number | undefined;
  /**
   * Starts again after each pass and never ends: what `fitDataset` needs when `batchesPerEpoch` is given. @default false
   */
  readonly repeat?: boolean | undefined;
}

/**
 * What `model.fitDataset` and `model.evaluateDataset` of TensorFlow.js take. They dispose of the tensors; each is made
 * anew.
 */
export interface FitDataset<T> {
  /** Batches of one pass; `Infinity` if it repeats. */
  readonly size: number;
  iterator(): Promise<{ next(): Promise<IteratorResult<{ xs: T; ys: T }>> }>;
}

/** What a dataset is made from. */
export interface FitDatasetSource {
  readonly batchesPerPass: number;
  readonly classes: number;
  batches(): AsyncIterator<DatasetBatch>;
}

/** Makes the dataset. `repeat` asks the source for one pass after another. */
export function createFitDataset<T>(source: FitDatasetSource, options: FitDatasetOptions<T>): FitDataset<T> {
  const { binarize = true, repeat = false, classes = source.classes } = options;
  if (binarize && (!Number.isInteger(classes) || classes < source.classes || classes < 1)) {
    throw new InvalidArgumentError(
      `\`dataset\`: one-hot labels need \`classes\`, at least ${Math.max(1, source.classes)}; received ${classes}.`,
    );
  }
  if (repeat && source.batchesPerPass === 0) {
    throw new InvalidArgumentError(
      "`dataset`: without a single batch there is nothing to `repeat`. Give more rows, a smaller `batchSize`, or no `dropLast`.",
    );
  }
  return {
    size: repeat ? Number.POSITIVE_INFINITY : source.batchesPerPass,
    async iterator() {
      let pass: AsyncIterator<DatasetBatch> | undefined;
      let tf = options.tf;
      return {
        async next() {
          tf ??= await importTensorFlow<T>();
          for (;;) {
            pass ??= source.batches();
            const { done, value } = await pass.next();
            if (!done) return { done: false, value: toTensors(tf, value, binarize ? classes : undefined) };
            pass = undefined;
            if (!repeat) return { done: true, value: undefined };
          }
        },
      };
    },
  };
}

function toTensors<T>(tf: TensorFactory<T>, { xs, ys }: DatasetBatch, classes: number | undefined): { xs: T; ys: T } {
  // Float32 even for images: layers of TensorFlow.js compute in nothing else.
  const values = new Float32Array(xs.data as ArrayLike<number>);
  const rows = ys.data.length;
  if (classes === undefined) {
    return {
      xs: tf.tensor(values, [...xs.shape], "float32"),
      ys: tf.tensor(Float32Array.from(ys.data), [rows], "float32"),
    };
  }
  return {
    xs: tf.tensor(values, [...xs.shape], "float32"),
    ys: tf.tensor(oneHot(ys.data, classes).data, [rows, classes], "float32"),
  };
}

async function importTensorFlow<T>(): Promise<TensorFactory<T>> {
  try {
    return (await import("@tensorflow/tfjs-core")) as unknown as TensorFactory<T>;
  } catch (cause) {
    throw new UnsupportedError(
      'Making tensors needs "@tensorflow/tfjs-core", which cannot be imported. Install it, or pass your TensorFlow.js as `tf`.',
      { cause },
    );
  }
}
