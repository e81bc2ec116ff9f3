import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import type { ImageSource } from "../images/image-source.js";
import type { NdArray, Shape } from "../ndarray.js";
import { describeValue } from "../options/check-option.js";

/** What takes the rows of an extraction: an `HDF5DatasetWriter`, or any object of this form. */
export interface FeatureSink {
  /** Shape of one row, where the sink has one. */
  readonly rowShape?: Shape | undefined;
  /** Number of rows that the sink was made for, where it is. */
  readonly rows?: number | undefined;
  /** Names of the classes in label order, where the sink knows them. */
  readonly classLabels?: readonly string[] | undefined;
  /** Facts that the sink stores beside its rows, where it does. */
  readonly attributes?: Readonly<Record<string, unknown>> | undefined;
  /** Rows that the sink holds already, those of an earlier run included. Needed for `resume`. */
  readonly rowsWritten?: number | undefined;
  /** Pictures that an earlier run had to leave out. Needed for `resume`. */
  readonly rowsSkipped?: number | undefined;
  /**
   * Adds or changes such facts before the first row: with `precision: "int8"` what the job was calibrated to is known only
   * then.
   */
  storeAttributes?(attributes: Readonly<Record<string, string>>): Promise<unknown>;
  /** Names of the pictures whose rows are held, in order. With them `resume` notices when the pictures are others. */
  writtenNames?(): AsyncIterable<string>;
  /**
   * Takes the rows of one batch of pictures.
   *
   * @param rows `[n, ...rowShape]`; n is 0 where all pictures of the batch were left out
   * @param options `names` of the pictures, and how many pictures were `skipped` before or among them
   */
  add(
    rows: NdArray<"float32">,
    labels: Int32Array | undefined,
    options: { readonly names: readonly string[]; readonly skipped: number },
  ): Promise<unknown>;
}

/** One sink, or one for each layer. */
export type FeatureSinks = FeatureSink | Readonly<Record<string, FeatureSink>>;

/** A sink with the layer whose features it takes. */
export interface LayerSink {
  readonly layer: string;
  readonly sink: FeatureSink;
}

/**
 * Finds the sink of each layer.
 *
 * @throws InvalidArgumentError if a layer has none, or there is one of no layer
 * @throws ShapeMismatchError if a sink takes rows of another shape
 */
export function sinksOfLayers(given: FeatureSinks, shapes: ReadonlyMap<string, Shape>): readonly LayerSink[] {
  if (typeof given !== "object" || given === null) {
    throw new InvalidArgumentError(
      `\`writer\` is ${describeValue(given)}: expected an HDF5DatasetWriter, or an object of one for each layer.`,
    );
  }
  const layers = [...shapes.keys()];
  const sinks = isSink(given)
    ? layers.slice(0, 1).map((layer) => ({ layer, sink: given }))
    : Object.entries(given).map(([layer, sink]) => ({ layer, sink }));
  if (sinks.length !== layers.length || sinks.some(({ layer }) => !shapes.has(layer))) {
    throw new InvalidArgumentError(
      `\`extractTo\` needs as \`writer\` one writer for each of the layers [${layers.join(", ")}], ` +
        `received writers for [${sinks.map(({ layer }) => layer).join(", ")}].`,
    );
  }
  for (const { layer, sink } of sinks) {
    const shape = shapes.get(layer) as Shape;
    if (sink.rowShape !== undefined && sink.rowShape.join() !== shape.join()) {
      throw new ShapeMismatchError(
        `Features of layer "${layer}" have shape [${shape.join(", ")}], but the writer's rows are ` +
          `[${sink.rowShape.join(", ")}]. Create the writer with \`rowShape: extractor.featureShape\`.`,
        { expected: shape, received: sink.rowShape },
      );
    }
  }
  return sinks;
}

/**
 * Compares a sink with the source that is to go into it, before any picture is opened.
 *
 * @throws InvalidArgumentError if their classes differ, or the sink does not store the source's `attributes`
 * @throws ShapeMismatchError if the source has more pictures than the sink has room for
 */
export function checkRoom({ layer, sink }: LayerSink, source: ImageSource, done: number): void {
  const { classLabels = [], rows, rowsWritten = 0, rowsSkipped = 0 } = sink;
  const differs =
    classLabels.length !== source.classLabels.length || classLabels.some((name, i) => name !== source.classLabels[i]);
  if (source.classLabels.length > 0 && differs) {
    throw new InvalidArgumentError(
      `The source's classes are [${source.classLabels.join(", ")}], but the writer of layer "${layer}" has ` +
        `[${classLabels.join(", ")}]. Create the writer with \`classLabels: images.classLabels\`.`,
    );
  }
  for (const [name, value] of Object.entries(source.attributes ?? {})) {
    if (sink.attributes === undefined || sink.attributes[name] === value) continue;
    throw new InvalidArgumentError(
      `The source's attribute "${name}" is ${value}, but the writer of layer "${layer}" has ` +
        `${String(sink.attributes[name])}. Create it with \`attributes: { ...extractor.attributes, ...images.attributes }\`.`,
    );
  }
  const left = (rows ?? Number.POSITIVE_INFINITY) - rowsWritten - rowsSkipped;
  const coming = source.length - done;
  if (coming > left) {
    throw new ShapeMismatchError(
      `${coming} pictures are to come, but the writer of layer "${layer}" has room for ${left} more rows of ${rows}. ` +
        "Create it with `rows: images.length`; to go on behind the rows that it has, pass `resume: true`.",
      { expected: [left], received: [coming] },
    );
  }
}

/**
 * Has a sink store in what precision its rows are, which an extractor knows only after its calibration.
 *
 * @param precision undefined for float32, of which nothing is stored
 * @throws InvalidArgumentError if it holds rows of another precision, or says another one and cannot change that
 */
export async function storePrecision({ layer, sink }: LayerSink, precision: string | undefined): Promise<void> {
  const { attributes, rowsWritten = 0 } = sink;
  const stored = attributes?.precision;
  if (stored === precision) return;
  const coming = `those to come are in ${precision ?? "float32"}`;
  if (precision === undefined) {
    // Others may mean something else by that name.
    if (!String(stored).startsWith("int8")) return;
    throw new InvalidArgumentError(
      `The writer of layer "${layer}" says that its rows are in ${String(stored)}, but ${coming}. ` +
        "Create the writer with the `attributes` of the extractor whose features it takes.",
    );
  }
  if (rowsWritten > 0 && attributes !== undefined) {
    throw new InvalidArgumentError(
      `The writer of layer "${layer}" holds rows in ${String(stored ?? "float32")}, but ${coming}. ` +
        "Pass the calibration that the first ones were computed with, or begin a new file.",
    );
  }
  if (sink.storeAttributes) {
    await sink.storeAttributes({ precision });
    return;
  }
  // One that stores no such facts says nothing that is wrong.
  if (stored === undefined) return;
  throw new InvalidArgumentError(
    `The writer of layer "${layer}" says that its rows are in ${String(stored)}, and cannot be told that they are in ${precision}. ` +
      "Give it a method `storeAttributes`, or pass pictures as `calibration` to `FeatureExtractor.create`.",
  );
}

/**
 * Number of pictures that a sink's earlier run has dealt with.
 *
 * @throws InvalidArgumentError if the sink cannot tell, or what it holds is not of the source's first pictures
 */
export async function countDone({ layer, sink }: LayerSink, source: ImageSource): Promise<number> {
  const { rowsWritten, rowsSkipped } = sink;
  if (rowsWritten === undefined || rowsSkipped === undefined) {
    throw new InvalidArgumentError(
      "`resume` needs a writer with `rowsWritten` and `rowsSkipped`, as HDF5DatasetWriter.",
    );
  }
  const done = rowsWritten + rowsSkipped;
  const cannot = `Cannot resume: the writer of layer "${layer}" holds`;
  if (done > source.length) {
    throw new InvalidArgumentError(
      `${cannot} ${done} pictures, but the source has ${source.length}. Pass the pictures of the first run.`,
    );
  }
  if (sink.writtenNames === undefined) return done;
  const names = firstNames(source, done);
  for await (const written of sink.writtenNames()) {
    // What stands between two written names was left out.
    for (;;) {
      const next = await names.next();
      if (next.value === written) break;
      if (next.done) {
        throw new InvalidArgumentError(
          `${cannot} a row of "${written}", which is not where it was in the source. ` +
            "Pass the same pictures in the same order as in the first run, or begin a new file.",
        );
      }
    }
  }
  return done;
}

async function* firstNames(source: ImageSource, count: number): AsyncGenerator<string, undefined> {
  if (count === 0) return;
  let position = 0;
  for await (const { name } of source) {
    yield name;
    if (++position === count) return;
  }
}

/** A source without its first pictures; they are not opened. */
export function withoutFirst(source: ImageSource, first: number): ImageSource {
  if (first === 0) return source;
  return {
    length: Math.max(source.length - first, 0),
    classLabels: source.classLabels,
    async *[Symbol.asyncIterator]() {
      let position = 0;
      for await (const image of source) if (position++ >= first) yield image;
    },
  };
}

function isSink(given: FeatureSinks): given is FeatureSink {
  return typeof (given as Partial<FeatureSink>).add === "function";
}
