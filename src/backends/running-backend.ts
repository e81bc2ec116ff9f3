import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import type { SkippedBackend } from "./auto.js";
import type { Backend } from "./backend.js";

/** What runs, to be shown and stored: nothing slower than expected is used in silence. */
export interface RunningBackend {
  /** Short name, such as `onnx`. */
  readonly name: string;
  /** Library, version, device and threads, for people. */
  readonly description: string;
  /** Each better backend that `auto` passed over, best first, and why; empty where the best one runs or one was named. */
  readonly skipped: readonly SkippedBackend[];
}

/** Describes a backend that has started. */
export function describeBackend(backend: Backend & { readonly skipped?: readonly SkippedBackend[] }): RunningBackend {
  return { name: backend.name, description: backend.description, skipped: [...(backend.skipped ?? [])] };
}

/** @throws InvalidArgumentError if a value is no description of a backend */
export function checkRunningBackend(value: unknown): asserts value is RunningBackend {
  const { name, description } = (value ?? {}) as Partial<RunningBackend>;
  if (typeof name === "string" && typeof description === "string") return;
  throw new InvalidArgumentError(
    `\`backend\` is ${describeValue(value)}: expected what computed, such as \`extractor.backend\` or \`model.backend\`.`,
  );
}
