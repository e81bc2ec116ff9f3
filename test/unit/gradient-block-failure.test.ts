import { expect, test, vi } from "vitest";
import type { OnnxGraph } from "../../src/backends/onnx/graph.js";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import type { TrainingState } from "../../src/backends/trainable-backend.js";
import { isCnnTransferError } from "../../src/errors.js";
import { headNetwork } from "../support/head-network.js";
import { headTraining } from "../support/head-training.js";

/** First row at which a block fails. */
const failing = vi.hoisted(() => ({ from: 1 }));

// ONNX Runtime itself fails: the graph of blocks also looks up row `begin` in a table of as many zeros.
vi.mock("../../src/backends/onnx/training/gradient-blocks.js", async (original) => {
  const module = await original<typeof import("../../src/backends/onnx/training/gradient-blocks.js")>();
  const withTable = (graph: OnnxGraph): OnnxGraph => ({
    ...graph,
    nodes: [
      ...graph.nodes.map((node) => (node.operator === "Gemm" ? { ...node, outputs: ["product"] } : node)),
      { operator: "Gather", inputs: ["table", "begin"], outputs: ["zero"], attributes: {} },
      { operator: "Add", inputs: ["product", "zero"], outputs: ["gradient"], attributes: {} },
    ],
    initializers: [
      ...graph.initializers,
      { name: "table", shape: [failing.from], data: new Float32Array(failing.from) },
    ],
  });
  return {
    ...module,
    get blockGraph() {
      return withTable(module.blockGraph);
    },
  };
});

const { network, xs, ys } = headNetwork({ features: 9001, hidden: 257, rows: 4 });

function isFailure(message: RegExp) {
  return (error: unknown) => isCnnTransferError(error, "BackendError") && message.test(error.message);
}

/** The bytes of all that a training changes: much sooner compared than value by value. */
function bytesOf({ weights, slots }: TrainingState): Buffer {
  const all = [weights, ...slots.values()].flatMap((values) => [...values.values()].flat());
  return Buffer.concat(all.map(({ array: { data } }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
}

test("a block that fails before any weight has changed leaves the network as it was", async () => {
  failing.from = 0;
  const head = await onnx().loadForTraining(network, headTraining);
  const before = await head.readState();
  await expect(head.step(xs, ys)).rejects.toSatisfy(isFailure(/failed in a step of training.*Gather/s));
  const after = await head.readState();
  expect(after.step).toBe(before.step);
  expect(bytesOf(after).equals(bytesOf(before))).toBe(true);
  await head.dispose();
});

test("after a block that fails behind others everything is refused, whatever was asked for meanwhile, but disposing", async () => {
  failing.from = 5000;
  const head = await onnx().loadForTraining(network, headTraining);
  const state = await head.readState();
  const torn = isFailure(/earlier step failed after some weights had changed.*Load the network again/);
  // Asked for at once: those behind the step wait for it.
  const [step, ...others] = await Promise.allSettled([
    head.step(xs, ys),
    head.step(xs, ys),
    head.run([xs]),
    head.readWeights(),
    head.readState(),
    head.setState(state),
    head.setWeights(network.weights),
  ]);
  expect(step).toMatchObject({ status: "rejected", reason: expect.toSatisfy(isFailure(/failed in a step.*Gather/s)) });
  for (const each of others) expect(each).toMatchObject({ status: "rejected", reason: expect.toSatisfy(torn) });
  await head.dispose();

  failing.from = 9001;
  const [again, other] = [
    await onnx().loadForTraining(network, headTraining),
    await onnx().loadForTraining(network, headTraining),
  ];
  await again.setState(state);
  expect(await again.step(xs, ys)).toEqual(await other.step(xs, ys));
  await Promise.all([again.dispose(), other.dispose()]);
});
