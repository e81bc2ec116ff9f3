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
  /** The memory as bytes, at least so many. Valid until the next call. */
  bytes(atLeast: number): Uint8Array;
}

const pageBytes = 65536;

/** What is kept from one picture to the next; more than this is let go with the picture that needed it. */
const mostKept = 32 * 1024 * 1024;

let module: WebAssembly.Module | undefined;
let kept: ResampleProgram | undefined;

/** The kernels, with the memory of the last time if it was not large. Whoever asks uses them without waiting in between. */
export function resampleProgram(): ResampleProgram {
  if (kept === undefined || kept.bytes(0).length > mostKept) kept = startProgram();
  return kept;
}

function startProgram(): ResampleProgram {
  module ??= new WebAssembly.Module(Uint8Array.from(atob(resampleKernelsBase64), (char) => char.charCodeAt(0)));
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return {
    kernels: exports as unknown as ResampleKernels,
    bytes(atLeast) {
      const missing = atLeast - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / pageBytes));
      return new Uint8Array(memory.buffer);
    },
  };
}
