import { InvalidArgumentError, UnsupportedError } from "../errors.js";
import type { BatchColumn } from "./column-reader.js";
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
   * indices `[batch]` float32, for `sparseCategoricalCrossentropy`. Labels of several values, such as multi-hot ones,
   * come as they are, float32, and cannot be made one-hot. @default true where a row has one class
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
  iterator(): Promise<{ next(): Promise<IteratorResult<FitBatch<T>>> }>;
}

/** One batch of {@link FitDataset}. */
export interface FitBatch<T> {
  xs: T;
  ys: T;
  /** Values of the `columns` asked for, as plain arrays; TensorFlow.js passes them by. */
  columns: Readonly<Record<string, BatchColumn>>;
}

/** What a dataset is made from. */
export interface FitDatasetSource {
  readonly batchesPerPass: number;
  /** Classes of one-hot rows; `undefined` where a row has several labels. */
  readonly classes: number | undefined;
  batches(): AsyncIterator<DatasetBatch>;
}

/** Makes the dataset. `repeat` asks the source for one pass after another. */
export function createFitDataset<T>(source: FitDatasetSource, options: FitDatasetOptions<T>): FitDataset<T> {
  const { binarize = source.classes !== undefined, repeat = false } = options;
  const classes = binarize ? checkClasses(source.classes, options.classes) : undefined;
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
            if (!done) return { done: false, value: toTensors(tf, value, classes) };
            pass = undefined;
            if (!repeat) return { done: true, value: undefined };
          }
        },
      };
    },
  };
}

/** Number of classes of one-hot rows. */
function checkClasses(used: number | undefined, wanted = used): number {
  if (used === undefined || wanted === undefined) {
    throw new InvalidArgumentError(
      "`dataset`: `binarize` makes one-hot rows of one class for each row, but here a row has several labels. Leave `binarize` out to get them as they are.",
    );
  }
  if (Number.isInteger(wanted) && wanted >= used && wanted >= 1) return wanted;
  throw new InvalidArgumentError(
    `\`dataset\`: one-hot labels need \`classes\`, at least ${Math.max(1, used)}; received ${wanted}.`,
  );
}

function toTensors<T>(
  tf: TensorFactory<T>,
  { xs, ys, columns }: DatasetBatch,
  classes: number | undefined,
): FitBatch<T> {
  // Float32 even for images: layers of TensorFlow.js compute in nothing else.
  const values = new Float32Array(xs.data as ArrayLike<number>);
  const labels = classes === undefined ? Float32Array.from(ys.data) : oneHot(ys.data, classes).data;
  const shape = classes === undefined ? [...ys.shape] : [ys.data.length, classes];
  return { xs: tf.tensor(values, [...xs.shape], "float32"), ys: tf.tensor(labels, shape, "float32"), columns };
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
