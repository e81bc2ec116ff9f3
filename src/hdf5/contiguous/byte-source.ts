/** Bytes that can be read from any position: a file, a `Blob`, or memory. */
export interface ByteSource {
  /** What to call it in errors. */
  readonly name: string;
  readonly size: number;
  /**
   * Fills `target` from `position` on. Calls may overlap.
   *
   * @throws InvalidDatasetError if the source ends before
   * @throws FileAccessError if the operating system refuses
   */
  read(position: number, target: Uint8Array): Promise<void>;
  /** Safe to call twice. */
  close(): Promise<void>;
}
