import { Worker } from "node:worker_threads";
import { BackendError } from "../../errors.js";
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
    extra: { session: { intra_op: { allow_spinning: spinning ? "1" : "0" } } },
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

/** Options of Node that change how modules are found and loaded, all of which a thread accepts: with and without a value. */
const valuedThreadOptions = ["--import", "--loader", "--experimental-loader", "--require", "-r", "--conditions", "-C"];
const plainThreadOptions = ["--enable-source-maps", "--preserve-symlinks"];

/**
 * What a thread is given of the process's own options. Usually nothing: it then inherits all of them unchecked, also
 * those, such as `--max-old-space-size`, that it refuses when they are named. But under `node --input-type=module -e ...`
 * no thread that inherits everything starts from a file, so that the options which matter to it must be named.
 */
function optionsForThread(options: readonly string[]): { execArgv?: string[] } {
  if (!options.some((option) => option.split("=")[0] === "--input-type")) return {};
  const execArgv: string[] = [];
  for (let i = 0; i < options.length; i++) {
    const option = options[i] as string;
    const [name = ""] = option.split("=");
    if (plainThreadOptions.includes(option)) execArgv.push(option);
    if (!valuedThreadOptions.includes(name)) continue;
    execArgv.push(option);
    const value = options[i + 1];
    if (name === option && value !== undefined) execArgv.push(value);
    if (name === option) i++;
  }
  return { execArgv };
}

/** An error's message, to stand within a sentence. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
}
