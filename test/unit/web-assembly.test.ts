import { describe, expect, test } from "vitest";
import { compileKernels } from "../../src/web-assembly/kernels.js";
import { createMemory, growMemory } from "../../src/web-assembly/memory.js";

describe("WebAssembly of ours", () => {
  test("is refused in our words where the machine does not know its instructions", () => {
    const unknownInstruction = Buffer.from("0061736d01000000010401600000030201000a05010300ff0b", "hex");
    expect(() => compileKernels(unknownInstruction.toString("base64"), "Resizing needs")).toThrow(
      expect.objectContaining({
        name: "UnsupportedError",
        message: expect.stringMatching(/^Resizing needs WebAssembly with SIMD.*Use Node/),
        cause: expect.any(WebAssembly.CompileError),
      }),
    );
  });

  test.each([
    ["a new memory", () => createMemory(2 ** 33, "Similarity search needs"), 8192],
    [
      "one that has grown as far as it may",
      () => growMemory(new WebAssembly.Memory({ initial: 1, maximum: 2 }), 2 ** 20, "Similarity search needs"),
      1,
    ],
  ])("is refused in our words if %s cannot have so many bytes", (_, take, mebibytes) => {
    expect(take).toThrow(
      expect.objectContaining({
        name: "UnsupportedError",
        message: expect.stringMatching(
          new RegExp(`^Similarity search needs ${mebibytes} MiB .*expected at most 4096 MiB`),
        ),
      }),
    );
  });

  test("takes whole pages for the bytes that are asked for, and grows only if they are too few", () => {
    const memory = createMemory(70_000, "Resizing needs");
    expect(memory.buffer.byteLength).toBe(2 * 65_536);
    growMemory(memory, 65_537, "Resizing needs");
    expect(memory.buffer.byteLength).toBe(2 * 65_536);
    growMemory(memory, 131_073, "Resizing needs");
    expect(memory.buffer.byteLength).toBe(3 * 65_536);
  });
});
