import { checkOptions, type OptionNames } from "../options/check-options.js";
import type { AbortOptions, LoadOptions } from "./backend.js";

const names: OptionNames<LoadOptions> = { outputs: true, signal: true };

/** @throws InvalidArgumentError if the options of `load` are no object, or have one of another name */
export function checkLoadOptions(options: LoadOptions): void {
  checkOptions("load", options, names);
}

/** @throws InvalidArgumentError if the options of `run` are no object, or have one of another name */
export function checkRunOptions(options: AbortOptions): void {
  checkOptions("run", options, { signal: true });
}
