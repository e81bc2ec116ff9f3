import { availableParallelism } from "node:os";
import { BackendUnavailableError, InvalidArgumentError } from "../../errors.js";
import type { NdArray } from "../../ndarray.js";
import { checkNetwork } from "../../network/check-network.js";
import type { Network } from "../../network/network.js";
import { checkOptions } from "../../options/check-options.js";
import type { AbortOptions, LoadedNetwork, LoadOptions } from "../backend.js";
import { checkCalibration, checkCalibrationOptions } from "../check-calibration.js";
import { checkInputGradient } from "../check-input-gradient.js";
import { checkInputs, type ExpectedInput, expectedInputs } from "../check-inputs.js";
import { checkLoadOptions, checkRunOptions } from "../check-load-options.js";
import type { GradientBackend } from "../gradient-backend.js";
import type { CalibrationOptions, Int8Calibration, QuantizingBackend } from "../quantizing-backend.js";
import type { TrainableBackend, TrainableNetwork, TrainingOptions } from "../trainable-backend.js";
import { checkTrainingOptions } from "../training/training-options.js";
import { encodeModel } from "./encode-model.js";
import { gradientGraph } from "./gradient-graph.js";
import type { OnnxGraph } from "./graph.js";
import { lower } from "./lower.js";
import { applyCalibration, calibrate } from "./quantization/calibrate.js";
import { foldIntoConvolutions } from "./quantization/fold-into-convolutions.js";
import { groupPixels } from "./quantization/group-pixels.js";
import { processor } from "./quantization/processor.node.js";
import { Session, type SessionModel } from "./session.node.js";
import { SessionGroup } from "./session-group.node.js";
import type { SessionSettings } from "./session-thread.node.js";
import { simplifyGraph } from "./simplify-graph.js";
import { loadNetworkForTraining } from "./training/onnx-training.node.js";

/** Options of {@link onnx}. */
export interface OnnxOptions {
  /**
   * Threads that compute, an integer >= 1: on one batch together, or where the network is small on parts of it each by
   * itself. Default: as many as the machine runs at once.
   */
  readonly threads?: number | undefined;
  /**
   * Whether computing threads that have nothing to do wait in a loop for more work. It saves them the time to wake up
   * and takes it from everything else on the machine, such as the decoding of images. Default: false.
   */
  readonly spinning?: boolean | undefined;
}

/** The part of onnxruntime-node that is used here; the sessions run in threads of their own. */
interface Runtime {
  readonly env: { readonly versions: { readonly common: string; readonly node?: string } };
}

/**
 * The backend `onnx`: ONNX Runtime on the CPU, through the package `onnxruntime-node`. A network is written as an ONNX
 * model in memory and runs in threads of its own, so that the caller's event loop stays free. Training does too: a step
 * is one graph of the network, its gradients and the optimizer's update.
 *
 * @throws InvalidArgumentError if an option is out of range
 *
 * @example
 * const extractor = await FeatureExtractor.create({ backbone: "vgg16", backend: onnx({ threads: 2 }) });
 */
export function onnx(options: OnnxOptions = {}): QuantizingBackend & TrainableBackend & GradientBackend {
  checkOptions("onnx", options, { threads: true, spinning: true });
  const { threads = availableParallelism(), spinning = false } = options;
  if (!Number.isInteger(threads) || threads < 1) {
    throw new InvalidArgumentError(
      `\`threads\` of the backend "onnx" takes an integer of at least 1, but is ${threads}.`,
    );
  }
  return new OnnxBackend({ threads, spinning });
}

class OnnxBackend implements QuantizingBackend, TrainableBackend, GradientBackend {
  readonly specVersion = 1;
  readonly name = "onnx";
  readonly #settings: SessionSettings;
  #starting: Promise<Runtime> | undefined;
  #version: string | undefined;

  constructor(settings: SessionSettings) {
    this.#settings = settings;
  }

  get description(): string {
    const { threads } = this.#settings;
    const version = this.#version === undefined ? "" : ` ${this.#version}`;
    return `ONNX Runtime${version}, CPU, ${threads} ${threads === 1 ? "thread" : "threads"}`;
  }

  async init(): Promise<void> {
    this.#starting ??= importRuntime();
    try {
      const { versions } = (await this.#starting).env;
      this.#version = versions.node ?? versions.common;
    } catch (error) {
      // So that a start that failed can be tried again.
      this.#starting = undefined;
      throw error;
    }
  }

  async load(network: Network, options: LoadOptions = {}): Promise<LoadedNetwork> {
    checkNetwork("network", network);
    checkLoadOptions(options);
    const outputs = options.outputs ?? network.outputs;
    return this.#load(network, simplifyGraph(lower(network, outputs)), outputs, options);
  }

  async calibrate(network: Network, options: CalibrationOptions): Promise<Int8Calibration> {
    checkNetwork("network", network);
    checkCalibrationOptions(options);
    options.signal?.throwIfAborted();
    await this.init();
    const graph = foldIntoConvolutions(lower(network, options.outputs ?? network.outputs));
    return calibrate(
      network,
      graph,
      {
        within: async (wanted, action) => {
          return this.#within(wanted, (session) => action((batch) => session.run([batch], { signal: options.signal })));
        },
      },
      options,
      processor().tiles,
    );
  }

  async loadQuantized(
    network: Network,
    calibration: Int8Calibration,
    options: LoadOptions = {},
  ): Promise<LoadedNetwork> {
    checkNetwork("network", network);
    checkCalibration(calibration);
    checkLoadOptions(options);
    const outputs = options.outputs ?? network.outputs;
    const graph = foldIntoConvolutions(lower(network, outputs));
    const { tiles, overflows } = processor();
    const integers = applyCalibration(network, graph, calibration, tiles);
    // Where sums may overflow, the first convolution keeps the form whose sums are exact.
    return this.#load(network, overflows ? integers : groupPixels(integers), outputs, options);
  }

  async #load(
    network: Network,
    graph: OnnxGraph,
    outputs: readonly string[],
    { signal }: LoadOptions,
  ): Promise<LoadedNetwork> {
    signal?.throwIfAborted();
    await this.init();
    const session = await SessionGroup.start(modelOf(graph), this.#settings);
    if (signal?.aborted) {
      await session.dispose();
      signal.throwIfAborted();
    }
    return new OnnxNetwork(session, expectedInputs(network), outputs);
  }

  async loadForTraining(network: Network, options: TrainingOptions): Promise<TrainableNetwork> {
    checkNetwork("network", network);
    checkTrainingOptions(options);
    options.signal?.throwIfAborted();
    await this.init();
    return loadNetworkForTraining(network, options, this.#settings);
  }

  async inputGradient(
    network: Network,
    inputs: readonly NdArray<"float32">[],
    seed: NdArray<"float32">,
    options: AbortOptions = {},
  ): Promise<NdArray<"float32">> {
    checkOptions("inputGradient", options, { signal: true });
    const { signal } = options;
    signal?.throwIfAborted();
    const { output } = checkInputGradient(network, this.name, inputs, seed);
    await this.init();
    const graph = gradientGraph(network, output, inputs);
    const [gradient] = await this.#within(graph, (session) => session.run([...inputs, seed], { signal }));
    return gradient as NdArray<"float32">;
  }

  /** Runs a graph in a thread that ends with the action. */
  async #within<T>(graph: OnnxGraph, action: (session: Session) => Promise<T>): Promise<T> {
    const session = await Session.start(modelOf(graph), this.#settings);
    try {
      return await action(session);
    } finally {
      await session.dispose();
    }
  }
}

function modelOf(graph: OnnxGraph): SessionModel {
  const names = (values: OnnxGraph["inputs"]) => values.map(({ name }) => name);
  return { bytes: encodeModel(graph), inputs: names(graph.inputs), outputs: names(graph.outputs) };
}

class OnnxNetwork implements LoadedNetwork {
  readonly inputShapes: readonly (readonly (number | null)[])[];
  readonly outputs: readonly string[];
  readonly readsSharedMemory = true;
  readonly #session: SessionGroup;
  readonly #inputs: readonly ExpectedInput[];

  constructor(session: SessionGroup, inputs: readonly ExpectedInput[], outputs: readonly string[]) {
    this.#session = session;
    this.#inputs = inputs;
    this.inputShapes = inputs.map(({ shape }) => shape);
    this.outputs = [...outputs];
  }

  async run(inputs: readonly NdArray[], options: AbortOptions = {}): Promise<readonly NdArray<"float32">[]> {
    this.#session.throwIfEnded();
    checkRunOptions(options);
    checkInputs(this.#inputs, inputs);
    return this.#session.run(inputs, options);
  }

  dispose(): Promise<void> {
    return this.#session.dispose();
  }
}

async function importRuntime(): Promise<Runtime> {
  try {
    return (await import("onnxruntime-node")) as Runtime;
  } catch (cause) {
    const { code, message = String(cause) } = cause as { readonly code?: string; readonly message?: string };
    const missing = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
    const reason = missing
      ? "the package onnxruntime-node is not installed"
      : `onnxruntime-node does not start: ${message}`;
    throw new BackendUnavailableError(
      `The backend "onnx" is not available: ${reason}. Run \`npm install onnxruntime-node\`. Where the installation fails ` +
        "because it cannot download CUDA libraries, which are not needed, run it with ONNXRUNTIME_NODE_INSTALL=skip in " +
        "the environment, or with the line `onnxruntime-node-install=skip` in the project's .npmrc.",
      [{ backend: "onnx", reason }],
      { cause },
    );
  }
}
