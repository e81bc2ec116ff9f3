import { describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { TrainableBackend, TrainingOptions } from "../../src/backends/trainable-backend.js";
import { isCnnTransferError, type UnsupportedError } from "../../src/errors.js";
import type { NdArray } from "../../src/ndarray.js";
import { cut } from "../../src/network/cut.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network, NetworkWeights } from "../../src/network/network.js";
import { createRandom } from "../../src/random.js";
import { type ConformanceNetwork, loadConformanceNetworks, relativeError } from "../support/conformance-networks.js";

/** Gradients of whatever size are cut to one, so that none of the networks runs away. */
const training: TrainingOptions = {
  loss: "mean_squared_error",
  optimizer: { name: "sgd", learningRate: 0.01, momentum: 0.9, nesterov: false },
  clipping: { globalClipnorm: 0.1 },
  l2: 0.001,
  seed: 3,
};

const reference = tfjsWasm();

// Those of "identities" act at random while they are trained, which is refused by name.
const networks = loadConformanceNetworks()
  .filter(({ name }) => name !== "identities")
  .map((given) => ({ name: given.name, parts: [...trainable(given)] }))
  .filter(({ parts }) => parts.length > 0);

describe("30 steps on onnx end in the weights of tfjs-wasm, with gradients through every layer", () => {
  test.each(networks)("of $name", async ({ name, parts }) => {
    const onlyOnTfjs: string[] = [];
    let compared = 0;
    for (const { output, network, xs, ys } of parts) {
      const expected = await train(reference, network, xs, ys);
      const actual = await train(onnx(), network, xs, ys);
      if (isCnnTransferError(actual)) {
        expect(actual.message, output).toMatch(/layer "[^"]+"/);
        if (!isCnnTransferError(expected)) onlyOnTfjs.push(output);
      }
      // tfjs refuses what it has wrong gradients of.
      if (isCnnTransferError(actual) || isCnnTransferError(expected)) continue;
      expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
      for (const [layer, weights] of expected) {
        for (const [at, { name: weight, array }] of weights.entries()) {
          const trained = actual.get(layer)?.[at]?.array ?? { ...array, data: new Float32Array() };
          expect(relativeError(trained, array), `${output}: ${layer} ${weight}`).toBeLessThan(1e-5);
        }
      }
      const [before, after] = [network.weights, expected].map((all) => all.get("front")?.[0]?.array.data);
      expect(after, output).not.toEqual(before);
      compared++;
    }
    expect(compared).toBeGreaterThan(0);
    // Gradients of pictures of any size are what onnx does not have.
    if (!name.startsWith("unknown-size")) expect(onlyOnTfjs).toEqual([]);
  });
});

/** Networks of one input and one output, with a trained layer in front, which the gradients have to reach. */
function* trainable({ network, cases }: ConformanceNetwork) {
  const [first] = cases;
  for (const [at, name] of network.outputs.entries()) {
    const part = cut(network, name);
    const [input, ...others] = part.inputs;
    const xs = first?.inputs[network.inputs.indexOf(input ?? "")];
    const output = first?.outputs[at];
    if (input === undefined || others.length > 0 || xs?.dtype !== "float32" || output === undefined) continue;
    const random = createRandom(5);
    const ys = { ...output, data: output.data.map((value) => value + 0.3 * (random.double() - 0.5)) };
    yield { output: name, network: withFront(part, input, xs.shape.at(-1) as number), xs, ys };
  }
}

/** With a dense layer behind the input that hardly changes it. */
function withFront(network: Network, input: string, units: number): Network {
  const random = createRandom(9);
  const kernel = Float32Array.from(
    { length: units * units },
    (_, i) => (i % (units + 1) === 0 ? 1 : 0) + 0.2 * (random.double() - 0.5),
  );
  const front: Layer = {
    name: "front",
    className: "Dense",
    config: { units, useBias: false, activation: "linear" },
    inputs: [input],
  };
  const moved = (name: string) => (name === input ? "front" : name);
  return {
    ...network,
    layers: network.layers.flatMap((layer) =>
      layer.className === "InputLayer" ? [layer, front] : [{ ...layer, inputs: layer.inputs.map(moved) } as Layer],
    ),
    outputs: network.outputs.map(moved),
    weights: new Map([
      ...network.weights,
      ["front", [{ name: "kernel", array: { dtype: "float32", shape: [units, units], data: kernel } }]],
    ]),
  };
}

async function train(
  backend: TrainableBackend,
  network: Network,
  xs: NdArray,
  ys: NdArray<"float32">,
): Promise<NetworkWeights | UnsupportedError> {
  try {
    const trained = await backend.loadForTraining(network, training);
    for (let step = 0; step < 30; step++) await trained.step(xs, ys);
    const weights = await trained.readWeights();
    await trained.dispose();
    return weights;
  } catch (error) {
    if (isCnnTransferError(error, "UnsupportedError")) return error;
    throw error;
  }
}
