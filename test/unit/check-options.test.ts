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
    [{ abort_signal: 1 }, "`extract` has no option `abort_signal`. Did you mean `signal`?"],
    [{ batch: 1 }, "`extract` has no option `batch`. Did you mean `batchSize`?"],
    [{ siz: 1 }, "`extract` has no option `siz`. Its options are `batchSize`, `signal`."],
    [{ seed: 1 }, "`extract` has no option `seed`. Its options are `batchSize`, `signal`."],
    [{ toString: 1 }, "`extract` has no option `toString`. Its options are `batchSize`, `signal`."],
    [null, "The `options` of `extract` are null: expected an object, such as { batchSize: ... }."],
    [[32], "The `options` of `extract` are [32]: expected an object, such as { batchSize: ... }."],
    [32, "The `options` of `extract` are 32: expected an object, such as { batchSize: ... }."],
  ])("says of %j what is wrong", (options, message) => {
    expect(check(options)).toThrow(expect.objectContaining({ name: "InvalidArgumentError", message }));
  });
});
