// Steps of weights whose gradients are computed in blocks: each block is used while it lies in the processor's cache.
// Plain JavaScript, as training-worker.mjs is, which has it.
import { partOf, updateWeights } from "./weight-memory.mjs";

/**
 * @typedef {import("./gradient-blocks.js").GradientBlocks} GradientBlocks
 * @typedef {import("./training-thread.node.js").ThreadUpdate} ThreadUpdate
 * @typedef {import("./training-thread.node.js").ThreadWeight} ThreadWeight
 * @typedef {import("./weight-memory.mjs").HeldWeight} HeldWeight
 * @typedef {import("./training-worker.mjs").Runtime} Runtime
 * @typedef {import("./training-worker.mjs").Session} Session
 * @typedef {import("./training-worker.mjs").Tensor} Tensor
 * @typedef {import("./training-worker.mjs").Tensors} Tensors
 */

/** A block: the part of the weight, and what the session of blocks takes and returns.
 * @typedef {{ part: HeldWeight, feeds: Tensors, fetches: Tensors }} Block
 */

/**
 * The blocks of a weight.
 *
 * @param {Runtime} runtime
 * @param {HeldWeight} weight
 * @param {readonly number[]} dims
 * @param {number} blockRows
 * @returns {Block[]}
 */
export function blocksOf({ Tensor }, weight, [rows = 0, columns = 0], blockRows) {
  const at = (/** @type {number} */ row) => new Tensor("int64", BigInt64Array.of(BigInt(row)), [1]);
  return Array.from({ length: Math.ceil(rows / blockRows) }, (_, position) => {
    const begin = position * blockRows;
    const end = Math.min(rows, begin + blockRows);
    const count = (end - begin) * columns;
    return {
      part: partOf(weight, begin * columns, count),
      feeds: { begin: at(begin), end: at(end) },
      fetches: { gradient: new Tensor("float32", weight.gradient.subarray(0, count), [end - begin, columns]) },
    };
  });
}

/**
 * Takes the optimizer's step on a weight, block by block.
 *
 * @param {Session} session computes blocks
 * @param {ThreadUpdate} update
 * @param {readonly Block[]} blocks
 * @param {Tensors} factors
 * @param {readonly number[]} numbers what the kernel takes behind the addresses
 * @returns {AsyncGenerator<number>} after each block the penalties of its values before the step
 */
export async function* stepInBlocks(session, update, blocks, factors, numbers) {
  for (const { part, feeds, fetches } of blocks) {
    await session.run({ ...factors, ...feeds }, fetches);
    yield updateWeights(update, [part], [numbers]);
  }
}
