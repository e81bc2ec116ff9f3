/** Instructions of WebAssembly as bytes. An expression leaves its value on the stack; its operands are expressions. */
export type Code = readonly number[];

export type ValueType = "i32" | "f32" | "v128";

/** A variable of a function. */
export interface Local {
  readonly get: Code;
  set(value: Code): Code;
}

/** A function of a module, exported by its name. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

/**
 * Writes a function without a result.
 *
 * @param write returns the body; `local` declares one more variable, which is 0 at first
 */
export function writeFunction(
  name: string,
  parameters: readonly ValueType[],
  write: (parameters: readonly Local[], local: (type: ValueType) => Local) => Code,
): WasmFunction {
  const locals: ValueType[] = [];
  const local = (type: ValueType): Local => localAt(parameters.length + locals.push(type) - 1);
  const body = write(
    parameters.map((_, index) => localAt(index)),
    local,
  );
  return { name, parameters, locals, body };
}

function localAt(index: number): Local {
  return {
    get: [0x20, ...unsigned(index)],
    set: (value) => [...value, 0x21, ...unsigned(index)],
  };
}

/** One after another. */
export function sequence(...parts: readonly Code[]): Code {
  return parts.flat();
}

/** Does the body, and again as long as the condition, an i32, is not 0. */
export function repeat(body: Code, condition: Code): Code {
  return [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b];
}

/** Does the body if the condition, an i32, is not 0. */
export function when(condition: Code, body: Code): Code {
  return [...condition, 0x04, 0x40, ...body, 0x0b];
}

/** Makes a variable greater by so many. */
export function increase(variable: Local, by: number | Code): Code {
  return variable.set(i32.add(variable.get, typeof by === "number" ? i32.constant(by) : by));
}

type Binary = (a: Code, b: Code) => Code;

const binary =
  (...code: Code): Binary =>
  (a, b) => [...a, ...b, ...code];

export const i32 = {
  constant: (value: number): Code => [0x41, ...signed(value)],
  add: binary(0x6a),
  subtract: binary(0x6b),
  multiply: binary(0x6c),
  /** 1 where a < b, both taken without a sign, else 0. */
  less: binary(0x49),
} as const;

/** Of a wide instruction. */
const wide = (code: number): Code => [0xfd, ...unsigned(code)];

/** Address alignment as a power of two (a hint only), and an offset that is added to the address. */
const place = (alignment: number, offset: number): Code => [alignment, ...unsigned(offset)];

/** Four float32 numbers at a time. */
export const f32x4 = {
  add: binary(...wide(0xe4)),
  subtract: binary(...wide(0xe5)),
  multiply: binary(...wide(0xe6)),
  divide: binary(...wide(0xe7)),
  squareRoot: (x: Code): Code => [...x, ...wide(0xe3)],
  zero: [...wide(0x0c), ...new Array<number>(16).fill(0)] as Code,
  /** A single f32, four times. */
  splat: (x: Code): Code => [...x, ...wide(0x13)],
  load: (address: Code, offset = 0): Code => [...address, ...wide(0x00), ...place(2, offset)],
  /** The number at the address, four times. */
  loadSplat: (address: Code, offset = 0): Code => [...address, ...wide(0x09), ...place(2, offset)],
  store: (address: Code, value: Code, offset = 0): Code => [...address, ...value, ...wide(0x0b), ...place(2, offset)],
  /** Four of the eight numbers of a and b, by their places. */
  shuffle: (a: Code, b: Code, places: readonly [number, number, number, number]): Code => [
    ...a,
    ...b,
    ...wide(0x0d),
    ...places.flatMap((at) => [4 * at, 4 * at + 1, 4 * at + 2, 4 * at + 3]),
  ],
} as const;

/** LEB128. */
export function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return bytes;
}

function signed(value: number): Code {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}
