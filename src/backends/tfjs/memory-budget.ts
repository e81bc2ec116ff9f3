import { UnsupportedError } from "../../errors.js";

const megabyte = 2 ** 20;

/** Part of an estimate: what takes how many bytes. */
export interface MemoryNeed {
  readonly what: string;
  readonly bytes: number;
}

/** Accounts for a memory that must not run out. */
export interface MemoryBudget {
  /**
   * Reserves memory before it is allocated.
   *
   * @param purpose what is being done, as a message begins: `Cannot load network "vgg16"`
   * @param advice what to do where it does not fit
   * @returns gives the memory back
   * @throws UnsupportedError with the sum, if that would go past the limit
   */
  reserve(purpose: string, needs: readonly MemoryNeed[], advice: string): () => void;
  /** Bytes that are reserved now. */
  readonly reserved: number;
}

/** Makes a {@link MemoryBudget} of `limit` bytes. `memory` names it in messages. */
export function createMemoryBudget(memory: string, limit: number): MemoryBudget {
  let reserved = 0;
  return {
    get reserved() {
      return reserved;
    },
    reserve(purpose, needs, advice) {
      const bytes = needs.reduce((sum, need) => sum + need.bytes, 0);
      if (reserved + bytes > limit) {
        const parts = [
          ...needs.map((need) => `${need.what} ${inMegabytes(need.bytes)}`),
          ...(reserved > 0 ? [`networks and batches held already ${inMegabytes(reserved)}`] : []),
        ];
        throw new UnsupportedError(
          `${purpose}: ${memory} would need about ${inMegabytes(reserved + bytes)} (${parts.join(", ")}), and ${inMegabytes(limit)} can be used safely. ${advice}`,
        );
      }
      reserved += bytes;
      let held = true;
      return () => {
        if (held) reserved -= bytes;
        held = false;
      };
    },
  };
}

function inMegabytes(bytes: number): string {
  return `${Math.ceil(bytes / megabyte)} MB`;
}
