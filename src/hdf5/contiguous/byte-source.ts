/** Bytes wanted from a source, and where in the target they go. */
export interface ByteRequest {
  readonly position: number;
  readonly offset: number;
  readonly length: number;
}

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
  /** The same for many places and parts of `target` at once, as fast as the source allows. */
  readMany(target: Uint8Array, requests: readonly ByteRequest[]): Promise<void>;
  /** Safe to call twice. */
  close(): Promise<void>;
}

/** Reads that are under way at once. More only fill the queue of the system's few file threads. */
export const concurrentReads = 16;

/** Serves requests through `read`, several at a time. */
export async function readConcurrently(
  target: Uint8Array,
  requests: readonly ByteRequest[],
  read: (position: number, target: Uint8Array) => Promise<void>,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let request = requests[next++]; request; request = requests[next++]) {
      const { position, offset, length } = request;
      await read(position, target.subarray(offset, offset + length));
    }
  };
  await settleAll(Array.from({ length: Math.min(concurrentReads, requests.length) }, work));
}

/** Waits for all to end; fails with the first failure among them, when nothing is under way any more. */
export async function settleAll(works: readonly Promise<void>[]): Promise<void> {
  for (const end of await Promise.allSettled(works)) if (end.status === "rejected") throw end.reason;
}
