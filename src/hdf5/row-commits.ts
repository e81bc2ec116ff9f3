import { crc32 } from "../checksum/crc32.node.js";
import { FileAccessError } from "../errors.js";
import type { Head } from "./contiguous/head.js";
import { encodeJournalEntry, type JournalEntry } from "./contiguous/journal.js";
import type { PartialFile } from "./contiguous/partial-file.js";
import type { RowBatch } from "./row-buffer.js";

/** Where the rows of an unfinished file go. */
export interface RowPlace {
  readonly path: string;
  readonly dataKey: string;
  readonly rowBytes: number;
  readonly dataPosition: number;
  /** Rows announced; `undefined` if the file grows. */
  readonly rows: number | undefined;
  /** Whether the disk itself is waited for. */
  readonly power: boolean;
  readonly head: Head;
}

/** The rows of an unfinished file that are safe. */
export class RowCommits {
  readonly #file: PartialFile;
  readonly #place: RowPlace;
  #rows = 0;
  #skipped = 0;
  #checksum = 0;
  /** The latest progress that is being shown. */
  #shown: Promise<void> = Promise.resolve();

  constructor(file: PartialFile, place: RowPlace) {
    this.#file = file;
    this.#place = place;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Rows that were announced and will not come. */
  get skipped(): number {
    return this.#skipped;
  }

  /** CRC-32 of all rows. */
  get checksum(): number {
    return this.#checksum;
  }

  /**
   * Takes up what the journal tells of, gives each entry to `visit`, and makes the file one that can be opened.
   *
   * @throws FileAccessError if the file is too short for its journal
   */
  async begin(visit: (entry: JournalEntry) => void): Promise<void> {
    const { path, rows = 0, rowBytes, dataPosition, head } = this.#place;
    for await (const entry of this.#file.entries()) {
      this.#rows += entry.rows;
      this.#skipped += entry.skipped;
      this.#checksum = entry.checksum;
      visit(entry);
    }
    if (this.#rows > 0 && this.#file.size < dataPosition + this.#rows * rowBytes) {
      throw new FileAccessError(
        `Cannot resume "${path}": its journal tells of ${this.#rows} rows, but "${path}.partial" is too short for them. Pass \`overwrite: true\` to start anew.`,
        { path, reason: "missing" },
      );
    }
    // Reserves nothing on the disk, but makes every later state of the file as long as its head says.
    await this.#file.truncate(dataPosition + Math.max(rows, this.#rows) * rowBytes);
    await this.#file.write(0, head.bytes);
    if (this.#rows > 0) await this.#showProgress();
  }

  /**
   * Rows first, then the journal's entry that makes them count; nothing is remembered until both are in the file.
   *
   * @throws FileAccessError if they cannot be written, or another writer has taken the file over
   */
  async append({ rows, skipped, bytes, columns }: RowBatch): Promise<void> {
    const { rowBytes, dataPosition, power } = this.#place;
    await this.#file.checkOwner();
    const writing = this.#file.write(dataPosition + this.#rows * rowBytes, bytes);
    // While the system writes. A failure is waited for below.
    writing.catch(() => undefined);
    const checksum = crc32(bytes, this.#checksum);
    await writing;
    await this.#shown;
    if (power) await this.#file.sync();
    await this.#file.append(encodeJournalEntry({ rows, skipped, checksum, columns }));
    if (power) await this.#file.sync();
    this.#rows += rows;
    this.#skipped += skipped;
    this.#checksum = checksum;
    // The rows are safe. What others see of them comes with the next ones too, so a failure here fails nothing, and
    // nobody has to wait for it before there are more rows.
    this.#shown = this.#showProgress().catch(() => undefined);
  }

  /** Waits until others see all rows. */
  async settle(): Promise<void> {
    await this.#shown;
  }

  /** Lets other readers see how far the unfinished file is. In this order it is valid after each single write. */
  async #showProgress(): Promise<void> {
    const { dataKey, rows, rowBytes, dataPosition, head } = this.#place;
    const places = head.datasets.get(dataKey);
    const bytes = this.#rows * rowBytes;
    if (rows === undefined && places && bytes > 0) {
      await this.#file.write(head.endOfFileAt, uint64(dataPosition + bytes));
      await this.#file.write(places.bytesAt, uint64(bytes));
      await this.#file.write(places.rowsAt, uint64(this.#rows));
      await this.#file.write(places.addressAt, uint64(dataPosition));
    }
    await this.#file.write(head.attributes.get("rows_written") as number, uint64(this.#rows));
  }
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}
