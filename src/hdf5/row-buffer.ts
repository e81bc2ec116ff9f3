/** Some rows with all that belongs to them, as bytes. */
export interface RowBatch {
  readonly rows: number;
  /** Rows that were announced and will not come, before or among these. */
  readonly skipped: number;
  readonly bytes: Uint8Array;
  /** Values of the columns, in the data set's order; `undefined` where rows come without. */
  readonly columns: readonly (Uint8Array | undefined)[];
}

interface State {
  readonly rows: number;
  readonly skipped: number;
  readonly columns: readonly (readonly Uint8Array[] | undefined)[];
}

const nothing: State = { rows: 0, skipped: 0, columns: [] };

/** Rows that were added and not yet written. */
export class RowBuffer {
  readonly #bytes: Uint8Array;
  readonly #rowBytes: number;
  #state = nothing;

  constructor(
    /** Rows that it holds at most. */
    readonly capacity: number,
    rowBytes: number,
  ) {
    this.#rowBytes = rowBytes;
    this.#bytes = new Uint8Array(capacity * rowBytes);
  }

  get rows(): number {
    return this.#state.rows;
  }

  get skipped(): number {
    return this.#state.skipped;
  }

  /** Takes copies of rows for which there is room. */
  put(batch: RowBatch): void {
    const { rows, skipped, columns } = this.#state;
    this.#bytes.set(batch.bytes, rows * this.#rowBytes);
    this.#state = {
      rows: rows + batch.rows,
      skipped: skipped + batch.skipped,
      columns: batch.columns.map((bytes, i) => bytes && [...(columns[i] ?? []), bytes.slice()]),
    };
  }

  skip(count: number): void {
    this.#state = { ...this.#state, skipped: this.#state.skipped + count };
  }

  /** All that is in it; valid until rows are put in again. */
  content(): RowBatch {
    const { rows, skipped, columns } = this.#state;
    return { rows, skipped, bytes: this.#bytes.subarray(0, rows * this.#rowBytes), columns: columns.map(join) };
  }

  clear(): void {
    this.#state = nothing;
  }

  /** Returns what takes it back to what it holds now, as long as nothing was put in after a `clear`. */
  mark(): () => void {
    const state = this.#state;
    return () => {
      this.#state = state;
    };
  }
}

function join(parts: readonly Uint8Array[] | undefined): Uint8Array | undefined {
  if (!parts) return undefined;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
