import { createRequire } from "node:module";
import { BackendUnavailableError } from "../../errors.js";
import { checkOptions } from "../../options/check-options.js";
import type { GradientBackend } from "../gradient-backend.js";
import type { TrainableBackend } from "../trainable-backend.js";
import { restoreUtilFunctions } from "./node-polyfills.node.js";
import { messageOf, type Tfjs } from "./shared-tfjs.js";
import { createTfjsBackend } from "./tfjs-backend.js";

/** Options of {@link tfjsNode} and {@link tfjsNodeGpu}. */
export interface TfjsNodeOptions {
  /**
   * Absolute path of the package's folder, where it is not among the app's own packages. Default: the app's own.
   */
  readonly module?: string | undefined;
}

/** What is used of tfjs-node's exports. */
interface TfjsNodeLibrary {
  readonly version: Readonly<Record<string, string>>;
}

/** What is used of tfjs-node's backend. */
interface TfjsNodeBackend {
  readonly isUsingGpuDevice?: boolean;
  readonly binding?: { readonly TF_Version?: string };
}

/**
 * tfjs on the TensorFlow C library, on the processor: runs and trains every network. The package
 * `@tensorflow/tfjs-node` is to be installed by the app; `init` rejects with BackendUnavailableError, which says what to
 * do, where the package, its addon or the TensorFlow library is missing.
 *
 * Works on Node 20 and later: what newer versions lack for it is put back before it is loaded.
 *
 * @example
 * const head = await TransferHead.create({ inputShape: [25088], classLabels, backend: tfjsNode() });
 */
export function tfjsNode(options: TfjsNodeOptions = {}): TrainableBackend & GradientBackend {
  checkOptions("tfjsNode", options, { module: true });
  return createTfjsNode("tfjs-node", "@tensorflow/tfjs-node", false, options);
}

/**
 * As {@link tfjsNode}, on an NVIDIA GPU with the package `@tensorflow/tfjs-node-gpu`. Where that finds no GPU, `init`
 * rejects with BackendUnavailableError rather than run on the processor unnoticed.
 */
export function tfjsNodeGpu(options: TfjsNodeOptions = {}): TrainableBackend & GradientBackend {
  checkOptions("tfjsNodeGpu", options, { module: true });
  return createTfjsNode("tfjs-node-gpu", "@tensorflow/tfjs-node-gpu", true, options);
}

function createTfjsNode(
  name: string,
  packageName: string,
  gpu: boolean,
  { module }: TfjsNodeOptions,
): TrainableBackend & GradientBackend {
  let library: TfjsNodeLibrary | undefined;
  return createTfjsBackend({
    name,
    backend: "tensorflow",
    async prepare() {
      try {
        library = await loadQuietly(packageName, module);
      } catch (cause) {
        const reason = explainFailure(packageName, module, cause);
        throw new BackendUnavailableError(`Cannot use ${name}: ${reason}`, [{ backend: name, reason }], { cause });
      }
    },
    async started(tf) {
      const backend = tf.findBackend("tensorflow") as unknown as TfjsNodeBackend;
      const runsOnGpu = backend.isUsingGpuDevice === true;
      if (runsOnGpu !== gpu) throw wrongDevice(name, runsOnGpu);
      return describe(tf, packageName, library, backend);
    },
  });
}

async function loadQuietly(packageName: string, module: string | undefined): Promise<TfjsNodeLibrary> {
  restoreUtilFunctions();
  const level = process.env.TF_CPP_MIN_LOG_LEVEL;
  // TensorFlow reads this once, as it loads, and would print what the processor can do. That it finds no GPU is an error
  // to it, and news on the GPU package only.
  if (level === undefined) process.env.TF_CPP_MIN_LOG_LEVEL = packageName.endsWith("-gpu") ? "2" : "3";
  try {
    if (module !== undefined) return createRequire(import.meta.url)(module) as TfjsNodeLibrary;
    return packageName === "@tensorflow/tfjs-node-gpu"
      ? await import("@tensorflow/tfjs-node-gpu")
      : await import("@tensorflow/tfjs-node");
  } finally {
    if (level === undefined) delete process.env.TF_CPP_MIN_LOG_LEVEL;
  }
}

/** Says which of the ways to be missing it is, and what to do. */
function explainFailure(packageName: string, module: string | undefined, cause: unknown): string {
  const message = messageOf(cause);
  const [firstLine] = message.split("\n");
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (message.includes("tfjs_binding.node") && code === undefined) {
    return `the package "${packageName}" is installed without its native addon (tfjs_binding.node), as with --ignore-scripts or behind a firewall. Run: npm rebuild ${packageName} --build-addon-from-source`;
  }
  if (code === "ERR_DLOPEN_FAILED") {
    return `the native addon of "${packageName}" does not load (${firstLine}). The TensorFlow library beside it is missing or does not fit this system; install the package again: npm install ${packageName}`;
  }
  const notFound = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
  // Bundlers put a stub that throws in the place of an optional package that is not there.
  const stub = code === undefined && message.startsWith("Could not resolve");
  if (notFound && module !== undefined && message.includes(`'${module}'`)) {
    return `there is no package at \`module\` "${module}". Give the absolute path of the folder of ${packageName}`;
  }
  if ((notFound && message.includes(`'${packageName}'`)) || stub) {
    return `the package "${packageName}" is not installed. Install it: npm install ${packageName}`;
  }
  return `the package "${packageName}" does not load (${firstLine}). Install it again: npm install ${packageName}`;
}

function wrongDevice(name: string, runsOnGpu: boolean): BackendUnavailableError {
  const reason = runsOnGpu
    ? "this process has loaded @tensorflow/tfjs-node-gpu already, which computes on the GPU, and tfjs holds one of them. Use tfjsNodeGpu()"
    : "TensorFlow found no NVIDIA GPU, or @tensorflow/tfjs-node was loaded first, of which tfjs holds one. Check the driver and CUDA libraries, or use tfjsNode()";
  return new BackendUnavailableError(`Cannot use ${name}: ${reason}.`, [{ backend: name, reason }]);
}

function describe(
  tf: Tfjs,
  packageName: string,
  library: TfjsNodeLibrary | undefined,
  { isUsingGpuDevice, binding }: TfjsNodeBackend,
): string {
  const version = library?.version["tfjs-node"] ?? tf.version_core;
  return `${packageName} ${version}, TensorFlow ${binding?.TF_Version ?? "of unknown version"}, ${isUsingGpuDevice ? "GPU" : "CPU"}`;
}
