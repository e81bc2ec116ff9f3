import { type NdArray, sizeOf } from "../ndarray.js";
import type { RowOrder } from "./row-order.js";
import { ndArray, typedArrays } from "./typed-array.js";

/** Reads rows of an order that is given out from its beginning to its end. */
export interface OrderReader {
  /** Rows `start` (included) to `end` (not included) of the order; `buffer` is used for the result where it fits. */
  read(start: number, end: number, buffer?: NdArray): Promise<NdArray>;
  /** Waits for what is still being read ahead. */
  settle(): Promise<void>;
}

/** Rows of a stretch in memory, as they follow each other in the file. */
interface Stretch {
  readonly rows: NdArray;
  /** For each place in the stretch, which of `rows` belongs there. */
  readonly slots: Uint32Array;
}

/** Reads rows in the given order: one by one, or stretch by stretch where the order has such. */
export function createOrderReader(
  { rows, stretchEnds }: RowOrder,
  read: (indices: Uint32Array, buffer?: NdArray) => Promise<NdArray>,
  readAhead: boolean,
): OrderReader {
  if (!stretchEnds) {
    return { read: (start, end, buffer) => read(rows.slice(start, end), buffer), settle: async () => undefined };
  }
  const startOf = (stretch: number) => (stretch === 0 ? 0 : (stretchEnds[stretch - 1] as number));
  const stretches = new Map<number, Promise<Stretch>>();

  async function load(stretch: number): Promise<Stretch> {
    const own = rows.subarray(startOf(stretch), stretchEnds?.[stretch]);
    const places = Uint32Array.from(own, (_, place) => place);
    places.sort((a, b) => (own[a] as number) - (own[b] as number));
    const slots = new Uint32Array(own.length);
    for (const [slot, place] of places.entries()) slots[place] = slot;
    return { rows: await read(places.map((place) => own[place] as number)), slots };
  }

  function open(stretch: number): Promise<Stretch> {
    let opened = stretches.get(stretch);
    if (!opened) {
      opened = load(stretch);
      // One that is read ahead may fail before anybody waits for it; the error is kept until then.
      opened.catch(() => undefined);
      stretches.set(stretch, opened);
    }
    return opened;
  }

  return {
    async read(start, end, buffer) {
      let stretch = stretchEnds.findIndex((stretchEnd) => stretchEnd > start);
      for (const old of stretches.keys()) if (old < stretch) stretches.delete(old);
      let result: NdArray | undefined;
      for (let at = start; at < end; stretch++) {
        const loading = open(stretch);
        if (readAhead && stretch + 1 < stretchEnds.length) open(stretch + 1);
        const { rows: source, slots } = await loading;
        const [, ...rowShape] = source.shape;
        const rowLength = sizeOf(rowShape);
        result ??= resultArray(source.dtype, [end - start, ...rowShape], buffer);
        const first = startOf(stretch);
        for (const last = Math.min(end, stretchEnds[stretch] as number); at < last; at++) {
          const from = (slots[at - first] as number) * rowLength;
          result.data.set(source.data.subarray(from, from + rowLength) as never, (at - start) * rowLength);
        }
      }
      return result ?? read(new Uint32Array(0));
    },
    async settle() {
      await Promise.allSettled(stretches.values());
    },
  };
}

function resultArray(dtype: NdArray["dtype"], shape: readonly number[], buffer: NdArray | undefined): NdArray {
  const length = sizeOf(shape);
  return buffer?.dtype === dtype && buffer.data.length >= length
    ? ndArray(dtype, shape, buffer.data.subarray(0, length) as never)
    : ndArray(dtype, shape, new typedArrays[dtype](length) as never);
}
