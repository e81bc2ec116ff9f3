/** Bytes wanted from a source. */
export interface ByteRequest {
  readonly position: number;
  readonly target: Uint8Array;
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
  /** The same for many places at once, as fast as the source allows. */
  readMany(requests: readonly ByteRequest[]): Promise<void>;
  /** Safe to call twice. */
  close(): Promise<void>;
}

/** Reads that are under way at once. More only fill the queue of the system's few file threads. */
const concurrentReads = 16;

/** Serves requests through `read`, several at a time. */
export async function readConcurrently(
  requests: readonly ByteRequest[],
  read: (position: number, target: Uint8Array) => Promise<void>,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let request = requests[next++]; request; request = requests[next++]) {
      await read(request.position, request.target);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrentReads, requests.length) }, work));
}
