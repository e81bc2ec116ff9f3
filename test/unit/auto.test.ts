import { expect, test, vi } from "vitest";
import { auto, autoTrainable } from "../../src/backends/auto.js";
import type { Backend } from "../../src/backends/backend.js";
import { defaultBackends, defaultTrainableBackends } from "../../src/backends/default-backends.node.js";
import type { TrainableBackend } from "../../src/backends/trainable-backend.js";
import { BackendUnavailableError, isCnnTransferError, UnsupportedError } from "../../src/errors.js";
import type { NdArray } from "../../src/ndarray.js";
import type { Network } from "../../src/network/network.js";
import { headTraining } from "../support/head-training.js";

const network: Network = { name: "empty", layers: [], inputs: [], outputs: [], weights: new Map() };

function candidate(name: string, init: () => Promise<void>): TrainableBackend {
  return {
    specVersion: 1,
    name,
    description: `${name} 1.0`,
    init: vi.fn(init),
    load: vi.fn(async () => ({ name }) as never),
    loadForTraining: vi.fn(async () => ({ name, trains: true }) as never),
  };
}

const starts = async () => {};
const fails = (backend: string, reason: string) => async () => {
  throw new BackendUnavailableError(`long words about ${backend}`, [{ backend, reason }]);
};

test("the first backend that starts is chosen, and each better one is listed with its reason", async () => {
  const candidates = [
    candidate("best", fails("best", "not installed")),
    candidate("second", async () => Promise.reject(new Error("no GPU"))),
    candidate("third", starts),
    candidate("worst", starts),
  ];
  const backend = auto({ candidates });
  expect(backend.name).toBe("auto");
  expect(backend.description).toContain("best, second, third, worst");
  await backend.init();
  await backend.init();
  expect(backend).toMatchObject({ specVersion: 1, name: "third", description: "third 1.0" });
  expect(backend.skipped).toEqual([
    { backend: "best", reason: "not installed" },
    { backend: "second", reason: "no GPU" },
  ]);
  expect(candidates[0]?.init).toHaveBeenCalledTimes(1);
  expect(candidates[3]?.init).not.toHaveBeenCalled();
});

test("`load` starts the choice by itself, and calls at the same time choose once", async () => {
  const candidates = [candidate("only", starts)];
  const backend = auto({ candidates });
  const loaded = await Promise.all([backend.load(network, { outputs: ["x"] }), backend.load(network), backend.init()]);
  expect(loaded[0]).toEqual({ name: "only" });
  expect(candidates[0]?.init).toHaveBeenCalledTimes(1);
  expect(candidates[0]?.load).toHaveBeenCalledWith(network, { outputs: ["x"] });
  expect(backend.skipped).toEqual([]);
});

test("with none that starts the error lists every reason, and a later try can succeed", async () => {
  let installed = false;
  const late = candidate("late", async () => {
    if (!installed) await fails("late", "not installed")();
  });
  const backend = auto({ candidates: [candidate("broken", fails("broken", "no library")), late] });
  const error = await backend.init().catch((reason: unknown) => reason);
  expect(isCnnTransferError(error, "BackendUnavailableError") && error.reasons).toEqual([
    { backend: "broken", reason: "no library" },
    { backend: "late", reason: "not installed" },
  ]);
  expect((error as Error).message).toContain("broken: no library");
  expect(backend.name).toBe("auto");
  installed = true;
  await backend.init();
  expect(backend.name).toBe("late");
});

test("an aborted signal rejects before anything is started", async () => {
  const only = candidate("only", starts);
  await expect(auto({ candidates: [only] }).load(network, { signal: AbortSignal.abort("stop") })).rejects.toBe("stop");
  expect(only.init).not.toHaveBeenCalled();
});

test("autoTrainable chooses in the same way and trains with its choice", async () => {
  const candidates = [candidate("gpu", fails("gpu", "no GPU")), candidate("cpu", starts)];
  const backend = autoTrainable({ candidates });
  const options = {
    loss: "categorical_crossentropy",
    optimizer: { name: "adam", learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
    l2: 0,
    seed: 1,
  } as const;
  expect(await backend.loadForTraining(network, options)).toEqual({ name: "cpu", trains: true });
  expect(candidates[1]?.loadForTraining).toHaveBeenCalledWith(network, options);
  expect(backend.skipped).toEqual([{ backend: "gpu", reason: "no GPU" }]);
});

test("autoTrainable passes over a backend that cannot train the network, says why, and names the one that does", async () => {
  const unable = (name: string) => ({
    ...candidate(name, starts),
    loadForTraining: vi.fn(async () => Promise.reject(new UnsupportedError(`${name} has no gradient`))),
  });
  const able = candidate("able", starts);
  const backend = autoTrainable({ candidates: [unable("best"), candidate("gone", fails("gone", "absent")), able] });
  await backend.init();
  expect(backend).toMatchObject({ name: "best", skipped: [] });
  expect(await backend.loadForTraining(network, headTraining)).toEqual({ name: "able", trains: true });
  expect(backend).toMatchObject({ name: "able", description: "able 1.0" });
  expect(backend.skipped).toEqual([
    { backend: "best", reason: "best has no gradient" },
    { backend: "gone", reason: "absent" },
  ]);
  await backend.load(network);
  expect(able.load).toHaveBeenCalled();
});

test("with no backend that can train the network, the best one's refusal is thrown and the choice stays", async () => {
  const refusing = (name: string, error: Error) => ({
    ...candidate(name, starts),
    loadForTraining: vi.fn(async () => Promise.reject(error)),
  });
  const first = refusing("first", new UnsupportedError("first refuses"));
  const second = refusing("second", new UnsupportedError("second refuses"));
  const backend = autoTrainable({ candidates: [first, second] });
  await expect(backend.loadForTraining(network, headTraining)).rejects.toThrow("first refuses");
  expect(second.loadForTraining).toHaveBeenCalled();
  expect(backend).toMatchObject({ name: "first", skipped: [] });
  const broken = refusing("broken", new TypeError("a fault"));
  const last = candidate("last", starts);
  const other = autoTrainable({ candidates: [broken, last] });
  await expect(other.loadForTraining(network, headTraining)).rejects.toThrow("a fault");
  expect(last.loadForTraining).not.toHaveBeenCalled();
});

test("to differentiate, auto goes on past backends that cannot, says why, and stays with the one that does", async () => {
  const gradient: NdArray<"float32"> = { dtype: "float32", shape: [1, 1], data: Float32Array.of(2) };
  const differentiating = (name: string, answer: () => Promise<NdArray<"float32">>) => ({
    ...candidate(name, starts),
    inputGradient: vi.fn(answer),
  });
  const refuses = differentiating("refuses", async () => Promise.reject(new UnsupportedError("no gradient of it")));
  const able = differentiating("able", async () => gradient);
  for (const choose of [auto, autoTrainable]) {
    const backend = choose({ candidates: [candidate("plain", starts), refuses, able] });
    expect(await backend.inputGradient(network, [gradient], gradient)).toBe(gradient);
    expect(backend.name).toBe("able");
    expect(backend.skipped).toEqual([
      { backend: "plain", reason: expect.stringContaining('"plain" cannot differentiate') },
      { backend: "refuses", reason: "no gradient of it" },
    ]);
  }
  const none = auto({ candidates: [refuses, candidate("plain", starts)] });
  await expect(none.inputGradient(network, [gradient], gradient)).rejects.toThrow("no gradient of it");
  expect(none).toMatchObject({ name: "refuses", skipped: [] });
});

test("an empty list of candidates is refused", () => {
  for (const create of [() => auto({ candidates: [] }), () => autoTrainable({ candidates: [] })]) {
    expect(create).toThrow(expect.toSatisfy((error) => isCnnTransferError(error, "InvalidArgumentError")));
  }
});

test("the defaults stand in the documented order and never fall back to tfjs-cpu", () => {
  const names = (backends: readonly Backend[]) => backends.map(({ name }) => name);
  expect(names(defaultBackends())).toEqual(["onnx", "tfjs-node-gpu", "tfjs-node", "tfjs-wasm"]);
  expect(names(defaultTrainableBackends())).toEqual(["tfjs-node-gpu", "onnx", "tfjs-node", "tfjs-wasm"]);
});
