import { UnsupportedError } from "../errors.js";

/**
 * Compiles kernels of ours: assembly/, in the text of a `*-binary.ts`.
 *
 * @param purpose what they are for, as a message begins: "Similarity search needs"
 * @throws UnsupportedError where there is no WebAssembly with SIMD
 */
export function compileKernels(base64: string, purpose: string): WebAssembly.Module {
  const binary = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  try {
    return new WebAssembly.Module(binary);
  } catch (cause) {
    throw new UnsupportedError(
      `${purpose} WebAssembly with SIMD, which does not start here. Use Node 20.9 or a browser since 2023, and where a content security policy forbids it allow \`wasm-unsafe-eval\`.`,
      { cause },
    );
  }
}

/** Starts kernels on a memory. */
export function startKernels<Kernels>(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
}
