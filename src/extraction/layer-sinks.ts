import { InvalidArgumentError } from "../errors.js";
import type { ImageSource } from "../images/image-source.js";
import type { NdArray, Shape } from "../ndarray.js";
import type { FeatureBatch } from "./feature-batch.js";
import {
  checkRoom,
  countDone,
  type FeatureSinks,
  type LayerSink,
  sinksOfLayers,
  storePrecision,
} from "./feature-sink.js";

/** The sinks of all layers, of which after a crash one may be a batch ahead of the others. */
export class LayerSinks {
  readonly #sinks: readonly (LayerSink & { readonly done: number })[];
  #position: number;

  /** Pictures that every sink has, so that none of them need be opened again. */
  readonly first: number;

  private constructor(sinks: readonly (LayerSink & { readonly done: number })[]) {
    this.#sinks = sinks;
    this.first = Math.min(...sinks.map(({ done }) => done));
    this.#position = this.first;
  }

  /**
   * Compares sinks with the source that is to go into them, before any picture is opened.
   *
   * @throws InvalidArgumentError or ShapeMismatchError if one of them is missing or does not fit
   */
  static async open(
    given: FeatureSinks,
    shapes: ReadonlyMap<string, Shape>,
    source: ImageSource,
    resume: boolean,
  ): Promise<LayerSinks> {
    const sinks: (LayerSink & { readonly done: number })[] = [];
    for (const each of sinksOfLayers(given, shapes)) {
      const done = resume ? await countDone(each, source) : 0;
      checkRoom(each, source, done);
      sinks.push({ ...each, done });
    }
    return new LayerSinks(sinks);
  }

  /** Has them store in what precision their rows are. @throws InvalidArgumentError if one of them says another */
  async storePrecision(precision: string | undefined): Promise<void> {
    for (const each of this.#sinks) await storePrecision(each, precision);
  }

  /**
   * Gives them the features of the next pictures, but for those that have them.
   *
   * @throws InvalidArgumentError if one of them ends inside of the batch
   */
  async add({ byLayer, labels, names, skipped }: FeatureBatch): Promise<void> {
    const end = this.#position + names.length + skipped.length;
    for (const { layer, sink, done } of this.#sinks) {
      if (done >= end) continue;
      if (done > this.#position) {
        throw new InvalidArgumentError(
          `Cannot resume: the writer of layer "${layer}" ends after ${done} pictures, inside of a batch. ` +
            "Pass the `batchSize` of the first run.",
        );
      }
      await sink.add(byLayer.get(layer) as NdArray<"float32">, labels, { names, skipped: skipped.length });
    }
    this.#position = end;
  }
}
