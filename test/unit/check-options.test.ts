import { describe, expect, test } from "vitest";
import { checkOptions } from "../../src/options/check-options.js";

interface Options {
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

const names = { batchSize: true, signal: true } as const;
const check = (options: unknown) => () => checkOptions<Options>("extract", options as Options, names);

describe("checkOptions", () => {
  test.each([[{}], [{ batchSize: 1 }], [{ batchSize: undefined, bachSize: undefined }], [Object.create(null)]])(
    "takes %o",
    (options) => {
      expect(check(options)).not.toThrow();
    },
  );

  test.each([
    [{ bachSize: 1 }, "`extract` has no option `bachSize`. Did you mean `batchSize`?"],
    [{ batchsize: 1 }, "`extract` has no option `batchsize`. Did you mean `batchSize`?"],
    [{ batchSize: 1, signals: 1 }, "`extract` has no option `signals`. Did you mean `signal`?"],
    [{ seed: 1 }, "`extract` has no option `seed`. Its options are `batchSize`, `signal`."],
    [{ toString: 1 }, "`extract` has no option `toString`. Its options are `batchSize`, `signal`."],
    [null, "The `options` of `extract` are null: expected an object of options by name."],
    [[32], "The `options` of `extract` are [32]: expected an object of options by name."],
    [32, "The `options` of `extract` are 32: expected an object of options by name."],
  ])("says of %j what is wrong", (options, message) => {
    expect(check(options)).toThrow(expect.objectContaining({ name: "InvalidArgumentError", message }));
  });
});
