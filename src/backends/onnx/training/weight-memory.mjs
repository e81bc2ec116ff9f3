// The weights of a training in the memory of WebAssembly, where both ONNX Runtime and the optimizer's kernel reach them.
// Plain JavaScript, as training-worker.mjs is, which has it.

/**
 * @typedef {import("../../training/optimizer-kernels.js").OptimizerKernels} OptimizerKernels
 * @typedef {import("./training-thread.node.js").ThreadWeight} ThreadWeight
 * @typedef {import("./training-thread.node.js").ThreadUpdate} ThreadUpdate
 */

/**
 * A weight with its gradient, or room for a block of that, and running values, and their addresses. `slots` has those that the optimizer keeps;
 * `slotAddresses` all that its kernel takes.
 * @typedef {{
 *   kernels: OptimizerKernels, count: number, value: Float32Array, valueAddress: number, gradient: Float32Array,
 *   gradientAddress: number, slots: Float32Array[], slotAddresses: number[], l1: number, l2: number,
 * }} HeldWeight
 */

const pageBytes = 65_536;
/** The most that a memory of WebAssembly holds. */
const memoryBytes = 2 ** 32;
/** Arrays begin at multiples of this: a line of the processor's cache. */
const lineBytes = 64;

/**
 * Puts weights into as few memories as hold them.
 *
 * @param {ThreadUpdate} update
 * @param {readonly ThreadWeight[]} weights
 * @returns {HeldWeight[]}
 */
export function holdWeights({ module }, weights) {
  /** @type {ThreadWeight[][]} */
  const groups = [];
  let size = memoryBytes;
  for (const weight of weights) {
    const bytes = bytesOf(weight);
    // The first line is left out: an address of 0 means that there is no array.
    if (size + bytes > memoryBytes) {
      groups.push([]);
      size = lineBytes;
    }
    groups.at(-1)?.push(weight);
    size += bytes;
  }
  return groups.flatMap((group) => holdGroup(module, group));
}

/**
 * @param {WebAssembly.Module} module
 * @param {ThreadWeight[]} group
 */
function holdGroup(module, group) {
  const pages = Math.ceil((lineBytes + group.reduce((sum, weight) => sum + bytesOf(weight), 0)) / pageBytes);
  // It never grows, which would take the arrays away.
  const memory = memoryOf(pages);
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  const kernels = /** @type {OptimizerKernels} */ (/** @type {unknown} */ (instance.exports));
  let next = lineBytes;
  /** @param {number} count */
  const take = (count) => {
    const array = new Float32Array(memory.buffer, next, count);
    next += paddedBytes(count);
    return array;
  };
  return group.map((weight) => {
    const { data, slots, l1, l2 } = weight;
    const count = data.length;
    const value = take(count);
    value.set(data);
    const gradient = take(gradientCount(weight));
    const own = slots.map((slot) => {
      if (slot === undefined) return undefined;
      const array = take(count);
      if (slot !== "zeros") array.set(slot);
      return array;
    });
    return {
      kernels,
      count,
      value,
      valueAddress: value.byteOffset,
      gradient,
      gradientAddress: gradient.byteOffset,
      slots: own.filter((slot) => slot !== undefined),
      slotAddresses: own.map((slot) => slot?.byteOffset ?? 0),
      l1,
      l2,
    };
  });
}

/** @param {number} pages */
function memoryOf(pages) {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (cause) {
    const mebibytes = Math.ceil((pages * pageBytes) / 2 ** 20);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `the system gives no ${mebibytes} MiB for weights, gradients and what the optimizer keeps (${reason}); each such memory also takes some GiB of addresses, which \`ulimit -v\` may forbid`,
      { cause },
    );
  }
}

/** @param {ThreadWeight} weight */
function bytesOf(weight) {
  const { data, slots } = weight;
  const kept = 1 + slots.filter((slot) => slot !== undefined).length;
  return paddedBytes(data.length) * kept + paddedBytes(gradientCount(weight));
}

/**
 * Number of values of a gradient that are there at one time.
 *
 * @param {ThreadWeight} weight
 */
function gradientCount({ data, dims, gradient }) {
  return typeof gradient === "string" ? data.length : gradient.rows * /** @type {number} */ (dims[1]);
}

/** @param {number} count */
function paddedBytes(count) {
  return Math.ceil((count * Float32Array.BYTES_PER_ELEMENT) / lineBytes) * lineBytes;
}

/**
 * Takes the optimizer's step on all weights, by the gradients that lie there.
 *
 * @param {ThreadUpdate} update
 * @param {readonly HeldWeight[]} weights
 * @param {readonly (readonly number[])[]} numbers for each weight, what the kernel takes behind the addresses
 * @returns {number} the penalties of the weights before the step
 */
export function updateWeights({ kernel, clipping }, weights, numbers) {
  let penalties = 0;
  for (const { kernels, count, valueAddress, gradientAddress, l1, l2 } of weights) {
    if (l1 !== 0) penalties += l1 * kernels.absoluteSum(count, valueAddress);
    if (l2 !== 0) penalties += l2 * kernels.squareSum(count, valueAddress);
    if (l1 !== 0 || l2 !== 0) kernels.addPenalty(count, valueAddress, gradientAddress, l1, l2);
  }
  clipGradients(clipping, weights);
  weights.forEach(({ kernels, count, valueAddress, gradientAddress, slotAddresses }, at) => {
    const run = /** @type {(...values: number[]) => void} */ (kernels[kernel]);
    run(count, valueAddress, gradientAddress, ...slotAddresses, .../** @type {number[]} */ (numbers[at]));
  });
  return penalties;
}

/**
 * A part of a weight, whose gradient begins where the weight's gradient does.
 *
 * @param {HeldWeight} weight
 * @param {number} first a multiple of four, as is the number of values unless they are the last
 * @param {number} count
 * @returns {HeldWeight}
 */
export function partOf(weight, first, count) {
  const offset = first * Float32Array.BYTES_PER_ELEMENT;
  return {
    ...weight,
    count,
    valueAddress: weight.valueAddress + offset,
    slotAddresses: weight.slotAddresses.map((address) => (address === 0 ? 0 : address + offset)),
  };
}

/**
 * Clips gradients, in Keras's order and form.
 *
 * @param {ThreadUpdate["clipping"]} clipping
 * @param {readonly HeldWeight[]} weights
 */
function clipGradients({ clipnorm, globalClipnorm, clipvalue }, weights) {
  /** @param {HeldWeight} weight */
  const squares = ({ kernels, count, gradientAddress }) => kernels.squareSum(count, gradientAddress);
  /** @param {HeldWeight} weight @param {number} factor */
  const scale = ({ kernels, count, gradientAddress }, factor) => {
    if (factor !== 1) kernels.scale(count, gradientAddress, factor);
  };
  if (clipnorm !== undefined) {
    for (const weight of weights) scale(weight, clipnorm / Math.max(Math.sqrt(squares(weight)), clipnorm));
  } else if (globalClipnorm !== undefined) {
    const norm = Math.sqrt(weights.reduce((sum, weight) => sum + squares(weight), 0));
    // An infinite gradient is not mistaken for none: it makes all weights NaN, as in Keras.
    const factor = Number.isFinite(norm) ? Math.min(1, globalClipnorm / norm) : Number.NaN;
    for (const weight of weights) scale(weight, factor);
  } else if (clipvalue !== undefined) {
    for (const { kernels, count, gradientAddress } of weights) kernels.clip(count, gradientAddress, clipvalue);
  }
}
