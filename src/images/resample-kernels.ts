import { compileKernels, startKernels } from "../web-assembly/kernels.js";
import { createMemory, growMemory } from "../web-assembly/memory.js";
import { resampleKernelsBase64 } from "./resample-kernels-binary.js";

/** The functions of assembly/resample.ts, where they are explained; numbers are addresses and counts. */
export interface ResampleKernels {
  resampleRows(
    source: number,
    stride: number,
    rows: number,
    target: number,
    width: number,
    weights: number,
    pairs: number,
  ): void;
  resampleColumns(
    source: number,
    rowBytes: number,
    target: number,
    height: number,
    weights: number,
    pairs: number,
  ): void;
}

/** The kernels and the memory that they work in. */
export interface ResampleProgram {
  readonly kernels: ResampleKernels;
  /**
   * The memory as bytes, at least so many. Valid until the next call.
   *
   * @throws UnsupportedError if they cannot be had
   */
  bytes(atLeast: number): Uint8Array;
}

const purpose = "Resizing needs";

/** What is kept from one picture to the next; more than this is let go with the picture that needed it. */
const mostKept = 32 * 1024 * 1024;

let module: WebAssembly.Module | undefined;
let kept: ResampleProgram | undefined;

/**
 * The kernels, with the memory of the last time if it was not large. Whoever asks uses them without waiting in between.
 *
 * @throws UnsupportedError where there is no WebAssembly with SIMD
 */
export function resampleProgram(): ResampleProgram {
  if (kept === undefined || kept.bytes(0).length > mostKept) kept = startProgram();
  return kept;
}

function startProgram(): ResampleProgram {
  module ??= compileKernels(resampleKernelsBase64, purpose);
  const memory = createMemory(1, purpose);
  return {
    kernels: startKernels(module, memory),
    bytes(atLeast) {
      growMemory(memory, atLeast, purpose);
      return new Uint8Array(memory.buffer);
    },
  };
}
