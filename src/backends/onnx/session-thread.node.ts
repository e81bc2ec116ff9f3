import { Worker } from "node:worker_threads";
import { BackendError } from "../../errors.js";
import { optionsForThread } from "../../threads/thread-options.node.js";
import type { ExitGuard } from "./exit-guard.node.js";

/** How ONNX Runtime is to run a model. */
export interface SessionSettings {
  /** Threads that compute one operator. */
  readonly threads: number;
  /** Whether idle threads wait in a loop for more work, which is quicker for them and slower for everybody else. */
  readonly spinning: boolean;
}

/** The settings as onnxruntime-node takes them. */
export function sessionOptions({ threads, spinning }: SessionSettings): object {
  return {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    intraOpNumThreads: threads,
    // 3: errors only. Warnings about the graph are the library's own business and would go to the app's stderr.
    logSeverityLevel: 3,
    extra: {
      session: {
        intra_op: { allow_spinning: spinning ? "1" : "0" },
        // Processors without VNNI add two products of 8 bits in 16, where large ones do not fit: there, exact and slower.
        x64quantprecision: "1",
      },
    },
  };
}

/** Starts a thread that runs sessions. @throws BackendError if it does not start */
export function startThread(workerUrl: URL, guard: ExitGuard): Worker {
  try {
    return new Worker(workerUrl, {
      name: "cnn-transfer-onnx",
      workerData: guard.cells,
      ...optionsForThread(process.execArgv),
    });
  } catch (cause) {
    throw new BackendError(
      `The thread of ONNX Runtime did not start: ${reasonOf(cause)}. Start Node without the option that is at fault, or pass another backend, such as "tfjs-wasm".`,
      { cause },
    );
  }
}

/** An error's message, to stand within a sentence. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
}
