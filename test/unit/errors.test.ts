import { describe, expect, test, vi } from "vitest";
import * as errors from "../../src/errors.js";

const { isCnnTransferError, ShapeMismatchError, CnnTransferError, WeightsDownloadError } = errors;

describe("isCnnTransferError", () => {
  const error = new ShapeMismatchError("wrong", { expected: [null, 3], received: [2, 4] });

  test("recognises every error of the library, and one by its name", () => {
    expect(isCnnTransferError(error)).toBe(true);
    expect(isCnnTransferError(error, "CnnTransferError")).toBe(true);
    expect(isCnnTransferError(error, "ShapeMismatchError")).toBe(true);
    expect(isCnnTransferError(error, "ClosedError")).toBe(false);
  });

  test("does not take another library's error of the same name for ours", () => {
    const foreign = new Error("wrong");
    foreign.name = "ShapeMismatchError";
    expect(isCnnTransferError(foreign, "ShapeMismatchError")).toBe(false);
    expect(isCnnTransferError("ShapeMismatchError")).toBe(false);
  });

  test("recognises errors of another copy of the library, where instanceof does not", async () => {
    vi.resetModules();
    const copy = await import("../../src/errors.js");
    const theirs = new copy.ShapeMismatchError("wrong", { expected: [1], received: [2] });
    expect(theirs instanceof ShapeMismatchError).toBe(false);
    expect(isCnnTransferError(theirs, "ShapeMismatchError")).toBe(true);
  });
});

test("an error keeps its name when its class is renamed by a minifier, and its cause", () => {
  const cause = new Error("ENOSPC");
  const details = { url: "u", cachePath: "p", reason: "disk" } as const;
  const error = new WeightsDownloadError("full", details, { cause });
  expect(error.name).toBe("WeightsDownloadError");
  expect(error.cause).toBe(cause);
  expect(error).toMatchObject(details);
  expect("cause" in new CnnTransferError("no cause")).toBe(false);
});

test("every error class carries its own name", () => {
  for (const [name, value] of Object.entries(errors)) {
    if (typeof value === "function" && value.prototype instanceof Error) {
      const make = value as unknown as new (a: string, b: never, c?: never) => Error;
      expect(new make("x", { expected: [], received: [] } as never).name).toBe(name);
    }
  }
});
