import { checkNetwork } from "../../network/check-network.js";
import { checkOptions } from "../../options/check-options.js";
import { checkLoadOptions } from "../check-load-options.js";
import type { GradientBackend } from "../gradient-backend.js";
import type { TrainableBackend } from "../trainable-backend.js";
import { checkTrainingOptions } from "../training/training-options.js";
import type { DeviceFailures } from "./device-failures.js";
import { inputGradient } from "./input-gradient.js";
import type { MemoryBudget } from "./memory-budget.js";
import type { TfjsRuntime } from "./runtime.js";
import { loadTfjs, startBackend, type Tfjs } from "./shared-tfjs.js";
import { loadNetwork } from "./tfjs-network.js";
import { loadNetworkForTraining } from "./tfjs-training.js";

/** What makes one backend of tfjs different from another. */
export interface TfjsBackendDefinition {
  /** Our name of it, such as `tfjs-wasm`. */
  readonly name: string;
  /** Name by which tfjs knows it, such as `wasm`. */
  readonly backend: string;
  readonly memory?: MemoryBudget | undefined;
  /** Imports what registers the backend with tfjs, and throws BackendUnavailableError where that cannot be. */
  prepare(tf: Tfjs): Promise<void>;
  /** What to do once the backend runs, such as replacing kernels. Returns the backend's description. */
  started(tf: Tfjs): Promise<string>;
  /** Watches a device that computes later than it is told to. */
  watch?(tf: Tfjs): DeviceFailures;
}

/** Makes a backend out of one of tfjs's. Nothing is loaded before `init`, which `load` calls too. */
export function createTfjsBackend(definition: TfjsBackendDefinition): TrainableBackend & GradientBackend {
  const { name, backend, memory } = definition;
  let description = `${name}, not started yet`;
  let starting: Promise<TfjsRuntime> | undefined;

  function start(): Promise<TfjsRuntime> {
    starting ??= startOnce().catch((error: unknown) => {
      starting = undefined;
      throw error;
    });
    return starting;
  }

  async function startOnce(): Promise<TfjsRuntime> {
    const tf = await loadTfjs();
    await startBackend(tf, backend, () => definition.prepare(tf));
    description = await definition.started(tf);
    return { tf, name, backend, memory, failures: definition.watch?.(tf) };
  }

  return {
    specVersion: 1,
    name,
    get description() {
      return description;
    },
    async init() {
      await start();
    },
    async load(network, options = {}) {
      checkNetwork("network", network);
      checkLoadOptions(options);
      options.signal?.throwIfAborted();
      return loadNetwork(await start(), network, options);
    },
    async loadForTraining(network, options) {
      checkNetwork("network", network);
      checkTrainingOptions(options);
      options.signal?.throwIfAborted();
      return loadNetworkForTraining(await start(), network, options);
    },
    async inputGradient(network, inputs, seed, options = {}) {
      checkOptions("inputGradient", options, { signal: true });
      options.signal?.throwIfAborted();
      return inputGradient(await start(), network, inputs, seed, options);
    },
  };
}
