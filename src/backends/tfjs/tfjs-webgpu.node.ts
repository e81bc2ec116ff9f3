import type { GradientBackend } from "../gradient-backend.js";
import type { TrainableBackend } from "../trainable-backend.js";
import { messageOf } from "./shared-tfjs.js";
import { createWebgpuBackend, type Gpu, type TfjsWebgpuOptions, webgpuUnavailable } from "./webgpu-backend.js";

export type { TfjsWebgpuOptions } from "./webgpu-backend.js";

/** What is used of the package `webgpu`. */
interface Dawn {
  readonly globals: Readonly<Record<string, unknown>>;
  create(options: readonly string[]): Gpu;
}

/**
 * tfjs on the GPU by WebGPU, in browsers and in Node: runs and trains every network, on graphics cards of any maker. Needs the
 * package `@tensorflow/tfjs-backend-webgpu`, and in Node `webgpu` as well, which is Dawn, the WebGPU of Chromium; `init`
 * rejects with BackendUnavailableError, which says what to do, where one of them, WebGPU or a GPU is missing.
 *
 * In Node, starting it adds WebGPU's classes (`GPUBuffer` and others) to the global ones, where tfjs looks for them.
 *
 * Memory that runs out, a shader that is refused and a device that is lost are errors of the run or step that met them
 * (BackendError), although WebGPU itself goes on with zeros.
 *
 * @example
 * const extractor = await FeatureExtractor.create({ backbone: "mobilenet", backend: tfjsWebgpu() });
 */
export function tfjsWebgpu(options: TfjsWebgpuOptions = {}): TrainableBackend & GradientBackend {
  return createWebgpuBackend({ open, beforeStart: lendNavigator }, options);
}

// One for the process: each is an instance of Dawn.
let opened: Gpu | undefined;

async function open(): Promise<Gpu> {
  const existing = (globalThis as { readonly navigator?: { readonly gpu?: Gpu } }).navigator?.gpu;
  if (existing !== undefined) return existing;
  if (opened !== undefined) return opened;
  let dawn: Dawn;
  try {
    dawn = (await import("webgpu")) as unknown as Dawn;
  } catch (cause) {
    throw webgpuUnavailable(explainMissing(cause), cause);
  }
  for (const [name, value] of Object.entries(dawn.globals)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  try {
    opened = dawn.create([]);
  } catch (cause) {
    throw webgpuUnavailable(`WebGPU does not start (${messageOf(cause)}). Use tfjsNode() or tfjsWasm()`, cause);
  }
  return opened;
}

function explainMissing(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const [firstLine] = messageOf(cause).split("\n");
  // The binary of a platform that the package has none for is not found either.
  return code === "ERR_MODULE_NOT_FOUND"
    ? 'Node has no WebGPU of its own, and the package "webgpu" is not installed. Install it: npm install webgpu'
    : `the package "webgpu" does not load (${firstLine}). It has binaries for Linux, macOS and Windows, on x64 and arm64; use tfjsNode() or tfjsWasm() elsewhere`;
}

/** tfjs looks for `navigator.gpu` as it starts and never after. A lasting one would make other libraries take Node for a browser. */
function lendNavigator(gpu: Gpu): () => void {
  const { navigator } = globalThis as { readonly navigator?: { readonly gpu?: Gpu } };
  if (navigator?.gpu !== undefined) return () => undefined;
  if (navigator === undefined) {
    Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
    return () => void Reflect.deleteProperty(globalThis, "navigator");
  }
  Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  return () => void Reflect.deleteProperty(navigator, "gpu");
}
