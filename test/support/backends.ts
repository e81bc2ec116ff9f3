import type { Backend } from "../../src/backends/backend.js";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsNode } from "../../src/backends/tfjs/tfjs-node.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { tfjsWebgpu } from "../../src/backends/tfjs/tfjs-webgpu.node.js";
import { isCnnTransferError } from "../../src/errors.js";
import { tfjsNodeIsBuilt, tfjsNodeModule } from "./tfjs-node-build.js";

/** A backend to test, and how to see what it holds. */
export interface BackendUnderTest {
  readonly name: string;
  create(): Backend;
  /** How many things it holds now: tensors, threads. The same number again after `dispose`. */
  held(): Promise<number>;
  /** Whether its computing leaves the event loop free. */
  readonly ownThread: boolean;
  /** Backbones for which it is too slow; what they are made of is tested layer by layer. */
  readonly slowBackbones?: RegExp;
}

async function tensors(): Promise<number> {
  const tf = await import("@tensorflow/tfjs-core");
  return tf.memory().numTensors;
}

/** Every backend of the library that Node can run. */
export const allBackends: readonly BackendUnderTest[] = [
  { name: "onnx", create: () => onnx(), held: async () => threads(), ownThread: true },
  { name: "tfjs-wasm", create: () => tfjsWasm(), held: tensors, ownThread: false },
  {
    name: "tfjs-node",
    create: () => tfjsNode(tfjsNodeIsBuilt ? { module: tfjsNodeModule } : {}),
    held: tensors,
    ownThread: false,
  },
  {
    name: "tfjs-webgpu",
    create: () => tfjsWebgpu({ allowFallbackAdapter: true }),
    held: tensors,
    ownThread: false,
    // On the software adapter that stands in for a GPU. Left are small networks of each manner.
    slowBackbones: /^(?!mobilenet|squeezenet|efficientnetb0$)/,
  },
  { name: "tfjs-cpu", create: () => tfjsCpu(), held: tensors, ownThread: false, slowBackbones: /^(?!mobilenet)/ },
];

/** Why a backend does not run here; undefined if it does. Anything but a missing library is a fault and is thrown. */
export async function whyUnavailable({ create }: BackendUnderTest): Promise<string | undefined> {
  try {
    await create().init();
    return undefined;
  } catch (error) {
    if (isCnnTransferError(error, "BackendUnavailableError")) return error.reasons[0]?.reason ?? error.message;
    throw error;
  }
}

/** For the names of tests that are skipped where a backend does not start. */
export function skippedWithout(name: string, reason: string): string {
  return ` (skipped where ${name} does not start: ${reason})`;
}

/** Number of worker threads that this process runs. */
function threads(): number {
  const report = process.report?.getReport() as unknown as { readonly workers: readonly unknown[] };
  return report.workers.length;
}
