import type { GradientBackend } from "../gradient-backend.js";
import type { TrainableBackend } from "../trainable-backend.js";
import { createWebgpuBackend, type Gpu, type TfjsWebgpuOptions, webgpuUnavailable } from "./webgpu-backend.js";

export type { TfjsWebgpuOptions } from "./webgpu-backend.js";

/** tfjs on the GPU by the browser's WebGPU. Pages have it where they are served over https, or from localhost. */
export function tfjsWebgpu(options: TfjsWebgpuOptions = {}): TrainableBackend & GradientBackend {
  return createWebgpuBackend({ open, beforeStart: () => () => undefined }, options);
}

async function open(): Promise<Gpu> {
  const { gpu } = (globalThis as { readonly navigator?: { readonly gpu?: Gpu } }).navigator ?? {};
  if (gpu !== undefined) return gpu;
  throw webgpuUnavailable(
    globalThis.isSecureContext === false
      ? "browsers give WebGPU to secure pages only. Serve this one over https, or from localhost"
      : "this browser has no WebGPU. Use a newer one, or tfjsWasm()",
  );
}
