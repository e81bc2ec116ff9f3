import { parseArgs } from "node:util";
import {
  auto,
  type Backend,
  type FeatureExtractorOptions,
  onnx,
  tfjsCpu,
  tfjsNode,
  tfjsNodeGpu,
  tfjsWasm,
} from "cnn-transfer";

const backends: Readonly<Record<string, () => Backend>> = {
  auto,
  onnx,
  "tfjs-wasm": tfjsWasm,
  "tfjs-node": tfjsNode,
  "tfjs-node-gpu": tfjsNodeGpu,
  "tfjs-cpu": tfjsCpu,
};
const backbones = ["vgg-mini", "vgg16", "vgg19", "squeezenet", "mobilenet"] as const;
const poolings = ["avg", "max", "flatten", "none"] as const;

export const help = `Usage: npm run example -- [folder] [options]

Learns to tell the pictures in a folder apart: one sub-folder per class, as in Keras.
Without a folder it draws its own: cartoon cats, dogs and pandas.

  --backbone <name>      ${backbones.join(", ")}  (vgg-mini, which comes with the package)
  --weights <which>      imagenet, random, or a path or URL of a Keras weights file  (imagenet)
  --layer <name>         layer whose values are the features  (the backbone's last; of random weights an early one)
  --pooling <how>        ${poolings.join(", ")}  (avg; of random weights max)
  --backend <name>       ${Object.keys(backends).join(", ")}  (auto: the fastest that starts)
  --batch-size <number>  pictures per pass through the network  (32)
  --epochs <number>      passes of the head over the features  (30)
  --seed <number>        of every random choice  (1)
  --output <folder>      where features.hdf5 and my_model.h5 go, which are replaced  (output)
  --resume               goes on with the features where an earlier run with the same options was stopped
  --help                 this text
`;

/** What the example was asked to do. */
export interface TransferOptions {
  /** `undefined`: draw some pictures. */
  readonly folder: string | undefined;
  readonly backbone: (typeof backbones)[number];
  /** `undefined`: ImageNet's if they can be had, else random ones. */
  readonly weights: string | undefined;
  readonly layer: string | undefined;
  readonly pooling: FeatureExtractorOptions["pooling"];
  readonly backend: Backend;
  readonly batchSize: number;
  readonly epochs: number;
  readonly seed: number;
  readonly output: string;
  readonly resume: boolean;
}

/** The command line is not what the example takes. */
export class UsageError extends Error {}

/**
 * Reads the command line.
 *
 * @returns `"help"` where that was asked for
 * @throws UsageError that says which option is wrong
 */
export function readOptions(args: readonly string[]): TransferOptions | "help" {
  const { values, positionals } = parse(args);
  if (values.help) return "help";
  if (positionals.length > 1)
    throw new UsageError(`Expected one folder, received ${positionals.length}: ${positionals.join(", ")}.`);
  const backend = backends[oneOf("backend", Object.keys(backends), values.backend)] ?? auto;
  return {
    folder: positionals[0],
    backbone: oneOf("backbone", backbones, values.backbone),
    weights: values.weights,
    layer: values.layer,
    pooling: values.pooling === undefined ? undefined : oneOf("pooling", poolings, values.pooling),
    backend: backend(),
    batchSize: wholeNumber("batch-size", values["batch-size"], 1),
    epochs: wholeNumber("epochs", values.epochs, 1),
    seed: wholeNumber("seed", values.seed, 0),
    output: values.output,
    resume: values.resume,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        backbone: { type: "string", default: "vgg-mini" },
        weights: { type: "string" },
        layer: { type: "string" },
        pooling: { type: "string" },
        backend: { type: "string", default: "auto" },
        "batch-size": { type: "string", default: "32" },
        epochs: { type: "string", default: "30" },
        seed: { type: "string", default: "1" },
        output: { type: "string", default: "output" },
        resume: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function oneOf<T extends string>(option: string, allowed: readonly T[], value: string): T {
  const found = allowed.find((name) => name === value);
  if (found === undefined) throw new UsageError(`--${option} is "${value}": expected one of ${allowed.join(", ")}.`);
  return found;
}

function wholeNumber(option: string, value: string, least: number): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < least || value.trim() === "") {
    throw new UsageError(`--${option} is "${value}": expected a whole number of at least ${least}.`);
  }
  return number;
}
