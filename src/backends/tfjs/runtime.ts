import type { DeviceFailures } from "./device-failures.js";
import type { MemoryBudget } from "./memory-budget.js";
import type { Tfjs } from "./shared-tfjs.js";

/** A started backend of tfjs, as the networks that run on it see it. */
export interface TfjsRuntime {
  readonly tf: Tfjs;
  /** Our name of it, such as `tfjs-wasm`; for messages. */
  readonly name: string;
  /** Name by which tfjs knows it, such as `wasm`. */
  readonly backend: string;
  /** Memory that must not run out, where it ends silently. */
  readonly memory?: MemoryBudget | undefined;
  /** Present where the device computes later than it is told to. */
  readonly failures?: DeviceFailures | undefined;
}
