import { BackendUnavailableError } from "../../errors.js";
import { checkOptions } from "../../options/check-options.js";
import type { GradientBackend } from "../gradient-backend.js";
import type { TrainableBackend } from "../trainable-backend.js";
import { type ErrorScopes, watchDevice } from "./device-failures.js";
import { explainFailedStart, messageOf, type Tfjs } from "./shared-tfjs.js";
import { createTfjsBackend } from "./tfjs-backend.js";
import { registerWebgpuMaxPoolGradient } from "./webgpu-max-pool-gradient.js";

/** Options of {@link tfjsWebgpu}. */
export interface TfjsWebgpuOptions {
  /**
   * Whether to compute on a fallback adapter too, as WebGPU calls one that is no GPU but a program on the processor, many times
   * slower. Default: `false`, and `init` rejects where there is no other.
   */
  readonly allowFallbackAdapter?: boolean | undefined;
}

/** What is used of WebGPU's `GPU`. */
export interface Gpu {
  requestAdapter(options: { readonly powerPreference: string }): Promise<Adapter | null>;
}

interface Adapter {
  /** In older browsers. */
  readonly isFallbackAdapter?: boolean;
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly isFallbackAdapter?: boolean;
  };
}

/** Where the backend runs, as far as that makes a difference. */
export interface WebgpuHost {
  /**
   * Finds WebGPU.
   *
   * @throws BackendUnavailableError where there is none
   */
  open(): Promise<Gpu>;
  /** Lets tfjs see WebGPU for the time of its start; returns what ends that. */
  beforeStart(gpu: Gpu): () => void;
}

const name = "tfjs-webgpu";
const packageName = "@tensorflow/tfjs-backend-webgpu";

/** An error that says why the backend does not start, and what to do. */
export function webgpuUnavailable(reason: string, cause?: unknown): BackendUnavailableError {
  return new BackendUnavailableError(`Cannot use ${name}: ${reason}`, [{ backend: name, reason }], { cause });
}

/** Makes the WebGPU backend for a host. */
export function createWebgpuBackend(host: WebgpuHost, options: TfjsWebgpuOptions): TrainableBackend & GradientBackend {
  checkOptions("tfjsWebgpu", options, { allowFallbackAdapter: true });
  const { allowFallbackAdapter = false } = options;
  let description = "";
  return createTfjsBackend({
    name,
    backend: "webgpu",
    async prepare(tf) {
      const gpu = await host.open();
      const adapter = await findAdapter(tf, gpu, allowFallbackAdapter);
      const afterStart = host.beforeStart(gpu);
      try {
        await loadLibrary();
        await start(tf);
        const { vendor, architecture } = adapter.info ?? {};
        const device = [vendor, architecture].filter(Boolean).join(" ") || "unnamed GPU";
        description = `tfjs-backend-webgpu ${tf.version_core}, ${device}`;
      } finally {
        afterStart();
      }
    },
    async started(tf) {
      registerWebgpuMaxPoolGradient(tf);
      return description;
    },
    watch: (tf) => watchDevice((tf.findBackend("webgpu") as unknown as { readonly device: ErrorScopes }).device),
  });
}

async function findAdapter(tf: Tfjs, gpu: Gpu, allowFallbackAdapter: boolean): Promise<Adapter> {
  // As tfjs asks once it is loaded, so that it gets the same one.
  const lowPower = "WEBGPU_USE_LOW_POWER_GPU" in tf.env().getFlags() && tf.env().getBool("WEBGPU_USE_LOW_POWER_GPU");
  let adapter: Adapter | null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: lowPower ? "low-power" : "high-performance" });
  } catch (cause) {
    throw webgpuUnavailable(`WebGPU does not start (${messageOf(cause)}). Use tfjsWasm()`, cause);
  }
  if (adapter === null) {
    throw webgpuUnavailable(
      "WebGPU finds no adapter: there is no GPU, or its driver is missing or on the browser's block list. Install the driver (on Linux that of Vulkan), or use tfjsWasm()",
    );
  }
  if (!allowFallbackAdapter && (adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false)) {
    throw webgpuUnavailable(
      "WebGPU has only a fallback adapter, which computes on the processor. Use tfjsWasm(), or tfjsWebgpu({ allowFallbackAdapter: true }) to have it all the same",
    );
  }
  return adapter;
}

async function loadLibrary(): Promise<void> {
  try {
    await import("@tensorflow/tfjs-backend-webgpu");
  } catch (cause) {
    throw webgpuUnavailable(
      `the package "${packageName}" is missing or does not load. Install it: npm install ${packageName}`,
      cause,
    );
  }
}

/** The package makes its backend known as it is loaded, if WebGPU is there by then. */
async function start(tf: Tfjs): Promise<void> {
  if (tf.findBackendFactory("webgpu") == null) {
    throw webgpuUnavailable(
      `"${packageName}" was loaded by others before WebGPU was there, and looks for it only then. Call \`init\` of tfjsWebgpu() first`,
    );
  }
  if (!(await tf.setBackend("webgpu"))) throw await explainFailedStart(tf, "webgpu");
}
