import { type Code, unsigned, type ValueType, type WasmFunction } from "./wasm-code.js";

const valueTypes: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

/**
 * Encodes a WebAssembly module that works on the memory of another one, imported as `tfjs.memory`, and exports its
 * functions. Format: W3C, "WebAssembly Core Specification", section 5.
 *
 * @param shared whether that memory is shared between threads
 */
export function encodeModule(functions: readonly WasmFunction[], shared: boolean): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [0x60, ...list(parameters.map((type) => [valueTypes[type]])), 0]);
  // At least one page; a shared memory must have a greatest size, which is that of all addresses.
  const memory = [0x02, ...(shared ? [0x03, 1, ...unsigned(65_536)] : [0x00, 1])];
  const exports = functions.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]);
  const bodies = functions.map(({ locals, body }) => {
    const code = [...list(locals.map((type) => [1, valueTypes[type]])), ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(types)),
    ...section(2, list([[...text("tfjs"), ...text("memory"), ...memory]])),
    ...section(3, list(functions.map((_, index) => unsigned(index)))),
    ...section(7, list(exports)),
    ...section(10, list(bodies)),
  ]);
}

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content];
}

function list(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function text(name: string): Code {
  return list([...new TextEncoder().encode(name)].map((byte) => [byte]));
}
