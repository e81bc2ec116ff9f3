import { type RowBatch, RowBuffer } from "./row-buffer.js";
import type { RowCommits } from "./row-commits.js";

/** From this size on, a batch goes to the file as it is and is not gathered first. */
const directBytes = 1024 * 1024;

/** The rows of an unfinished file: those that are safe, and behind them those that are gathered for the next write. */
export class GatheredRows {
  readonly #commits: RowCommits;
  readonly #buffer: RowBuffer;

  /**
   * @param capacity rows that are gathered at most
   * @param rowBytes size of one of them
   */
  constructor(commits: RowCommits, capacity: number, rowBytes: number) {
    this.#commits = commits;
    this.#buffer = new RowBuffer(capacity, rowBytes);
  }

  /** Rows so far, the gathered ones included. */
  get count(): number {
    return this.#commits.rows + this.#buffer.rows;
  }

  /** Rows that were announced and will not come, the gathered ones included. */
  get skipped(): number {
    return this.#commits.skipped + this.#buffer.skipped;
  }

  /** Rows that are gathered now, with all that belongs to them; valid until the next ones come. */
  get staged(): RowBatch {
    return this.#buffer.content();
  }

  /**
   * Takes rows. After a failure none of them was taken, and they can be added again.
   *
   * @throws FileAccessError if they cannot be written
   */
  async add(batch: RowBatch): Promise<void> {
    const { rows, bytes } = batch;
    const direct = bytes.length >= directBytes || rows > this.#buffer.capacity;
    if (direct || this.#buffer.rows + rows > this.#buffer.capacity) await this.flush();
    const takeBack = this.#buffer.mark();
    try {
      if (direct) {
        await this.#commits.append(batch);
      } else {
        this.#buffer.put(batch);
        if (this.#buffer.rows === this.#buffer.capacity) await this.flush();
      }
    } catch (error) {
      takeBack();
      throw error;
    }
  }

  /** Notes rows that will not come. */
  skip(count: number): void {
    this.#buffer.skip(count);
  }

  /** Writes what is gathered. @throws FileAccessError if it cannot be written */
  async flush(): Promise<void> {
    if (this.#buffer.rows === 0 && this.#buffer.skipped === 0) return;
    await this.#commits.append(this.#buffer.content());
    this.#buffer.clear();
  }
}
