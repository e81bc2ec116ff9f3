import type { GradientBackend } from "../../src/backends/gradient-backend.js";
import { tfjsWebgpu } from "../../src/backends/tfjs/tfjs-webgpu.node.js";
import type { TrainableBackend } from "../../src/backends/trainable-backend.js";
import { isCnnTransferError } from "../../src/errors.js";

/** tfjs on WebGPU on whatever adapter there is, a software one too. */
export function anyWebgpu(): TrainableBackend & GradientBackend {
  return tfjsWebgpu({ allowFallbackAdapter: true });
}

const reason = await anyWebgpu()
  .init()
  .then(
    () => undefined,
    (error: unknown) => {
      if (isCnnTransferError(error, "BackendUnavailableError")) return error.reasons[0]?.reason ?? error.message;
      throw error;
    },
  );

/** Whether it starts here. */
export const webgpuStarts = reason === undefined;

/** For the names of tests that are skipped where it does not. */
export const webgpuHint = webgpuStarts
  ? ""
  : ` (skipped where there is neither a GPU nor Chromium's software one: ${reason})`;
