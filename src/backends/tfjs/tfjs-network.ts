import { ClosedError } from "../../errors.js";
import type { NdArray } from "../../ndarray.js";
import type { Network } from "../../network/network.js";
import { validateNetwork } from "../../network/validate.js";
import type { AbortOptions, LoadedNetwork, LoadOptions } from "../backend.js";
import { checkInputs, type ExpectedInput, expectedInputs } from "../check-inputs.js";
import { checkLayers } from "../check-layers.js";
import { checkRunOptions } from "../check-load-options.js";
import { createSerialQueue } from "../serial-queue.js";
import { type LayerPlan, peakBytes, planLayers, valueBytes } from "../training/layer-plan.js";
import { wrapFailure } from "./backend-failure.js";
import { beginWatched } from "./device-failures.js";
import { runLayers } from "./run-layers.js";
import type { TfjsRuntime } from "./runtime.js";
import { onBackend, type Tensor } from "./shared-tfjs.js";
import { bytesOfWeights, disposeWeights, readTensor, uploadWeights, type WeightTensors } from "./weight-tensors.js";

/** Loads a network for running. */
export async function loadNetwork(
  runtime: TfjsRuntime,
  network: Network,
  options: LoadOptions = {},
): Promise<LoadedNetwork> {
  options.signal?.throwIfAborted();
  checkLayers(network, runtime.name);
  validateNetwork(network);
  const outputs = options.outputs ?? network.outputs;
  const plan = planLayers(network, outputs);
  const release = runtime.memory?.reserve(
    `Cannot load network "${network.name}" on ${runtime.name}`,
    [{ what: "weights, held twice", bytes: 2 * bytesOfWeights(plan.network) }],
    "Dispose networks that are not needed, or use onnx() or tfjsNode(), which take all of the machine's memory.",
  );
  let weights: WeightTensors;
  try {
    weights = await onBackend(runtime, () => uploadWeights(runtime, plan.network.weights));
  } catch (error) {
    release?.();
    throw wrapFailure(error, `${runtime.name} could not take the weights of network "${network.name}"`);
  }

  const queue = createSerialQueue();
  const inputs = expectedInputs(network);
  let closed: Promise<void> | undefined;
  return {
    inputShapes: inputs.map(({ shape }) => shape),
    outputs,
    async run(batch, runOptions = {}) {
      refuseClosed(closed, network);
      checkRunOptions(runOptions);
      runOptions.signal?.throwIfAborted();
      checkInputs(inputs, batch);
      return queue.add(() => runBatch(runtime, plan, inputs, weights, batch, runOptions));
    },
    dispose() {
      closed ??= queue.add(async () => {
        disposeWeights(runtime, weights);
        release?.();
      });
      return closed;
    },
  };
}

/** Throws ClosedError once a network is being disposed or is disposed. */
export function refuseClosed(closed: Promise<void> | undefined, network: Network): void {
  if (closed === undefined) return;
  throw new ClosedError(`Network "${network.name}" was disposed and cannot be used any more. Load it again.`);
}

/** Runs a checked batch in inference mode. */
export async function runBatch(
  runtime: TfjsRuntime,
  plan: LayerPlan,
  inputs: readonly ExpectedInput[],
  weights: WeightTensors,
  batch: readonly NdArray[],
  { signal }: AbortOptions,
): Promise<readonly NdArray<"float32">[]> {
  signal?.throwIfAborted();
  const release = reserveActivations(runtime, plan, inputs, batch);
  const refuseFailed = beginWatched(runtime);
  let values: ReadonlyMap<string, Tensor> = new Map();
  try {
    values = await runLayers(runtime, plan, {
      weights,
      batch: (input) => batch[inputs.findIndex(({ name }) => name === input)] as NdArray,
      signal,
    });
    const results: NdArray<"float32">[] = [];
    for (const name of plan.outputs) results.push(await readTensor(runtime, values.get(name) as Tensor));
    await refuseFailed();
    signal?.throwIfAborted();
    return results;
  } catch (error) {
    signal?.throwIfAborted();
    throw wrapFailure(error, `${runtime.name} failed while it ran network "${plan.network.name}"`);
  } finally {
    for (const value of values.values()) value.dispose();
    release?.();
  }
}

function reserveActivations(
  { memory, name }: TfjsRuntime,
  plan: LayerPlan,
  inputs: readonly ExpectedInput[],
  batch: readonly NdArray[],
): (() => void) | undefined {
  if (memory === undefined) return undefined;
  const rows = new Map(inputs.map((input, index) => [input.name, batch[index]?.shape.slice(1) ?? []]));
  const batchSize = batch[0]?.shape[0] ?? 1;
  return memory.reserve(
    `Cannot run a batch of ${batchSize} through network "${plan.network.name}" on ${name}`,
    [{ what: "activations", bytes: peakBytes(plan, valueBytes(plan, rows, batchSize)) }],
    "Use smaller batches, or onnx() or tfjsNode(), which take all of the machine's memory.",
  );
}
