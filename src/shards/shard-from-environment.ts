import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import type { Shard } from "./shard.js";

/** Environment variables by name. */
type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment does not tell. */
export interface ShardFromEnvironmentOptions {
  /**
   * Number of shards. Indexed Jobs of Kubernetes do not tell it to their processes. With a Slurm array, the ids of its
   * tasks are then the indices, counted from 0, so that single tasks can be submitted again.
   *
   * @default the variable `SHARD_COUNT`, else what the job array tells
   */
  readonly count?: number | undefined;
}

/** A job array that was found in the environment. */
interface Found extends Shard {
  /** Who tells it, in words. */
  readonly system: string;
}

/**
 * Reads which shard this process is from what starts job arrays:
 *
 * | system | index | count |
 * |---|---|---|
 * | by hand | `SHARD_INDEX` | `SHARD_COUNT` |
 * | Slurm arrays | `SLURM_ARRAY_TASK_ID`, with `_MIN`, `_MAX`, `_STEP` | `SLURM_ARRAY_TASK_COUNT` |
 * | Kubernetes indexed Jobs | `JOB_COMPLETION_INDEX` | `SHARD_COUNT`, or the option |
 * | AWS Batch array jobs | `AWS_BATCH_JOB_ARRAY_INDEX` | `AWS_BATCH_JOB_ARRAY_SIZE` |
 * | Cloud Run jobs | `CLOUD_RUN_TASK_INDEX` | `CLOUD_RUN_TASK_COUNT` |
 *
 * @param environment the variables by name: `process.env`
 * @returns `undefined` where none of these variables is set, so that the process does not run in a job array
 * @throws InvalidArgumentError if some variables of a system are missing, are no whole numbers, or contradict each other,
 *   the option, or those of another system
 *
 * @example
 * const shard = shardFromEnvironment(process.env) ?? { index: 0, count: 1 };
 */
export function shardFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  options: ShardFromEnvironmentOptions = {},
): Shard | undefined {
  checkOptions("shardFromEnvironment", options, { count: true });
  if (typeof environment !== "object" || environment === null) {
    throw new InvalidArgumentError(
      `\`environment\` is ${describeValue(environment)}: expected variables by name, such as process.env.`,
    );
  }
  const { count } = options;
  if (count !== undefined && (!Number.isSafeInteger(count) || count < 1)) {
    throw new InvalidArgumentError(`\`count\` must be a number of shards, at least 1; received ${String(count)}.`);
  }
  const told = wholeNumber(environment, "SHARD_COUNT");
  if (count !== undefined && told !== undefined && count !== told) {
    throw new InvalidArgumentError(`\`count\` is ${count}, but SHARD_COUNT is ${told}. Pass one of them.`);
  }
  const known = count ?? told;
  const found = [
    simpleArray(environment, "SHARD_INDEX", undefined, known),
    slurmArray(environment, known),
    simpleArray(environment, "JOB_COMPLETION_INDEX", undefined, known),
    simpleArray(environment, "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", known),
    simpleArray(environment, "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT", known),
  ].filter((one): one is Found => one !== undefined);
  const [first] = found;
  if (!first) {
    if (told === undefined) return undefined;
    throw new InvalidArgumentError(
      `SHARD_COUNT is ${told}, but nothing tells which of the shards this process is. Set SHARD_INDEX, or start it in a job array.`,
    );
  }
  const other = found.find((one) => one.index !== first.index || one.count !== first.count);
  if (other) {
    throw new InvalidArgumentError(
      `${first.system} tells shard ${first.index} of ${first.count}, but ${other.system} tells ${other.index} of ${other.count}. Unset one of them, or pass the shard yourself.`,
    );
  }
  if (first.index >= first.count) {
    throw new InvalidArgumentError(
      `${first.system} tells shard ${first.index} of ${first.count}, but indices go from 0 to ${first.count - 1}. Check the number of shards.`,
    );
  }
  return { index: first.index, count: first.count };
}

/** An array whose indices count from 0. */
function simpleArray(
  environment: Environment,
  indexName: string,
  countName: string | undefined,
  known: number | undefined,
): Found | undefined {
  const index = wholeNumber(environment, indexName);
  const told = countName === undefined ? undefined : wholeNumber(environment, countName);
  if (index === undefined) {
    if (told !== undefined) throw missing(countName as string, indexName);
    return undefined;
  }
  if (told !== undefined && known !== undefined && told !== known) {
    throw new InvalidArgumentError(
      `${countName} is ${told}, but ${known} shards were asked for by \`count\` or SHARD_COUNT. Give the array as many tasks as there are shards.`,
    );
  }
  const count = told ?? known;
  if (count === undefined) {
    throw new InvalidArgumentError(
      `${indexName} is ${index}, but nothing tells the number of shards. Set ${[countName, "SHARD_COUNT"].filter(Boolean).join(" or ")}, or pass \`count\`.`,
    );
  }
  return { index, count, system: indexName };
}

function slurmArray(environment: Environment, known: number | undefined): Found | undefined {
  const read = (part: string) => wholeNumber(environment, `SLURM_ARRAY_TASK_${part}`);
  const [id, min, max, step, count] = [read("ID"), read("MIN"), read("MAX"), read("STEP"), read("COUNT")];
  const system = "SLURM_ARRAY_TASK_ID";
  if (id === undefined) {
    const others = Object.entries({ MIN: min, MAX: max, STEP: step, COUNT: count });
    const [part] = others.find(([, value]) => value !== undefined) ?? [];
    if (part) throw missing(`SLURM_ARRAY_TASK_${part}`, system);
    return undefined;
  }
  if (known !== undefined) {
    if (Math.max(id, max ?? 0) < known) return { index: id, count: known, system };
    throw new InvalidArgumentError(
      `The Slurm array has a task ${Math.max(id, max ?? 0)}, but ${known} shards were asked for by \`count\` or SHARD_COUNT, and their indices go from 0 to ${known - 1}. Submit with \`--array=0-${known - 1}\`.`,
    );
  }
  if (min === undefined || max === undefined || step === undefined || count === undefined) {
    const parts = Object.entries({ MIN: min, MAX: max, STEP: step, COUNT: count });
    throw missing(system, `SLURM_ARRAY_TASK_${parts.find(([, value]) => value === undefined)?.[0]}`);
  }
  const index = (id - min) / step;
  if (step < 1 || min + (count - 1) * step !== max || !Number.isInteger(index) || index < 0 || id > max) {
    throw new InvalidArgumentError(
      `The Slurm array has ${count} tasks from ${min} to ${max} in steps of ${step}, and task ${id} is not one of a regular sequence of so many. Submit with such as \`--array=0-${count - 1}\`, or set SHARD_COUNT to the number of shards; ids are then the indices.`,
    );
  }
  return { index, count, system };
}

function wholeNumber(environment: Environment, name: string): number | undefined {
  const text = environment[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/u.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError(`${name} is ${JSON.stringify(text)}: expected a whole number from 0 on.`);
}

function missing(set: string, unset: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `${set} is set, but ${unset} is not, so that the shard of this process is not known. Set it, or pass the shard yourself.`,
  );
}
