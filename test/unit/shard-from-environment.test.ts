import { describe, expect, test } from "vitest";
import { isCnnTransferError } from "../../src/errors.js";
import { shardFromEnvironment } from "../../src/shards/shard-from-environment.js";

type Environment = Readonly<Record<string, string>>;

const slurm = (id: number, min: number, max: number, step: number, count: number): Environment => ({
  SLURM_ARRAY_TASK_ID: String(id),
  SLURM_ARRAY_TASK_MIN: String(min),
  SLURM_ARRAY_TASK_MAX: String(max),
  SLURM_ARRAY_TASK_STEP: String(step),
  SLURM_ARRAY_TASK_COUNT: String(count),
});

describe("the shard is read from", () => {
  test.each<[string, Environment, number | undefined, number, number]>([
    ["variables set by hand", { SHARD_INDEX: "3", SHARD_COUNT: "8" }, undefined, 3, 8],
    ["a Slurm array", slurm(2, 0, 3, 1, 4), undefined, 2, 4],
    ["a Slurm array that counts from 1", slurm(4, 1, 4, 1, 4), undefined, 3, 4],
    ["a Slurm array in steps", slurm(7, 1, 7, 2, 4), undefined, 3, 4],
    ["a Slurm array of one task", slurm(5, 5, 5, 1, 1), undefined, 0, 1],
    ["a Slurm task that is submitted again alone", slurm(2, 2, 2, 1, 1), 4, 2, 4],
    ["a Slurm task with the count in a variable", { ...slurm(2, 2, 2, 1, 1), SHARD_COUNT: "4" }, undefined, 2, 4],
    ["an indexed Job of Kubernetes", { JOB_COMPLETION_INDEX: "1", SHARD_COUNT: "4" }, undefined, 1, 4],
    ["an indexed Job and the option", { JOB_COMPLETION_INDEX: "0" }, 4, 0, 4],
    ["AWS Batch", { AWS_BATCH_JOB_ARRAY_INDEX: "9", AWS_BATCH_JOB_ARRAY_SIZE: "10" }, undefined, 9, 10],
    ["Cloud Run", { CLOUD_RUN_TASK_INDEX: "0", CLOUD_RUN_TASK_COUNT: "1" }, undefined, 0, 1],
    [
      "two systems that agree",
      {
        JOB_COMPLETION_INDEX: "1",
        SHARD_COUNT: "2",
        AWS_BATCH_JOB_ARRAY_INDEX: "1",
        AWS_BATCH_JOB_ARRAY_SIZE: "2",
      },
      undefined,
      1,
      2,
    ],
  ])("%s", (_, environment, count, index, expected) => {
    expect(shardFromEnvironment({ PATH: "/bin", ...environment }, { count })).toEqual({ index, count: expected });
  });
});

test("without a job array there is no shard, also where a count is asked for", () => {
  expect(shardFromEnvironment({ PATH: "/bin", SLURM_JOB_ID: "7" })).toBeUndefined();
  expect(shardFromEnvironment({}, { count: 4 })).toBeUndefined();
});

describe("refused, with a word on what to set:", () => {
  test.each<[string, Environment, number | undefined, RegExp]>([
    ["a Kubernetes index without a count", { JOB_COMPLETION_INDEX: "1" }, undefined, /SHARD_COUNT, or pass `count`/],
    ["an AWS index without its size", { AWS_BATCH_JOB_ARRAY_INDEX: "1" }, undefined, /AWS_BATCH_JOB_ARRAY_SIZE/],
    ["a Cloud Run count without its index", { CLOUD_RUN_TASK_COUNT: "4" }, undefined, /CLOUD_RUN_TASK_INDEX is not/],
    ["a count without any index", { SHARD_COUNT: "4" }, undefined, /Set SHARD_INDEX/],
    ["a Slurm id alone", { SLURM_ARRAY_TASK_ID: "1" }, undefined, /SLURM_ARRAY_TASK_MIN is not/],
    ["a Slurm array without an id", { SLURM_ARRAY_TASK_COUNT: "4" }, undefined, /SLURM_ARRAY_TASK_ID is not/],
    ["an irregular Slurm array", slurm(5, 1, 7, 1, 3), undefined, /regular sequence.*SHARD_COUNT/],
    ["a Slurm id between the steps", slurm(2, 1, 7, 2, 4), undefined, /regular sequence/],
    ["a Slurm step of 0", slurm(1, 1, 1, 0, 1), undefined, /regular sequence/],
    ["a Slurm array from 1 with a count", slurm(1, 1, 4, 1, 4), 4, /--array=0-3/],
    ["an index that is too large", { JOB_COMPLETION_INDEX: "4", SHARD_COUNT: "4" }, undefined, /from 0 to 3/],
    ["a count that differs from the array's", { CLOUD_RUN_TASK_INDEX: "0", CLOUD_RUN_TASK_COUNT: "4" }, 5, /4, but 5/],
    ["two counts", { SHARD_INDEX: "0", SHARD_COUNT: "4" }, 5, /`count` is 5, but SHARD_COUNT is 4/],
    ["two systems that differ", { ...slurm(1, 0, 3, 1, 4), SHARD_INDEX: "2", SHARD_COUNT: "4" }, undefined, /2 of 4/],
    ["no number", { SHARD_INDEX: "first", SHARD_COUNT: "4" }, undefined, /SHARD_INDEX is "first"/],
    ["an empty text", { JOB_COMPLETION_INDEX: "", SHARD_COUNT: "4" }, undefined, /JOB_COMPLETION_INDEX is ""/],
    ["a negative number", { SHARD_INDEX: "-1", SHARD_COUNT: "4" }, undefined, /from 0 on/],
    ["a count of 0", { SHARD_INDEX: "0", SHARD_COUNT: "0" }, undefined, /0 of 0/],
    ["an option of 0", {}, 0, /at least 1/],
  ])("%s", (_, environment, count, message) => {
    let error: unknown;
    try {
      shardFromEnvironment(environment, { count });
    } catch (caught) {
      error = caught;
    }
    expect(isCnnTransferError(error, "InvalidArgumentError")).toBe(true);
    expect((error as Error).message).toMatch(message);
  });
});
