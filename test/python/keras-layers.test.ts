import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/backends/backend.js";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import { encodeKerasModel } from "../../src/keras/write-model.js";
import type { NdArray } from "../../src/ndarray.js";
import { countParameters } from "../../src/network/summary.js";
import { relativeError } from "../support/conformance-networks.js";
import { runPython } from "./reference-python.js";

interface Encoded {
  readonly shape: readonly number[];
  readonly data: string;
}

interface Made {
  readonly path: string;
  readonly must: string;
  readonly classes: readonly string[];
  readonly parameters: number;
  /** What of it Keras 2 does not have. */
  readonly missingInKeras2: readonly string[];
  readonly inputs: Encoded;
  readonly outputs: Encoded;
}

/** One network for each kind of layer, and some more. Another seed or count makes other or more networks. */
const count = Number(process.env.KERAS_LAYERS_COUNT ?? 100);
const seed = Number(process.env.KERAS_LAYERS_SEED ?? 1);

let folder: string;
let kinds: readonly string[];
let made: readonly Made[];
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "keras-layers-"));
  await runPython("keras_layers.py", "make", folder, String(seed), String(count));
  const written = JSON.parse(await readFile(path.join(folder, "made.json"), "utf8"));
  ({ kinds, networks: made } = written as { readonly kinds: readonly string[]; readonly networks: readonly Made[] });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function decode({ shape, data }: Encoded): NdArray<"float32"> {
  return { dtype: "float32", shape, data: new Float32Array(Uint8Array.from(Buffer.from(data, "base64")).buffer) };
}

async function run(backend: Backend, file: string, inputs: Encoded): Promise<NdArray<"float32">> {
  const loaded = await backend.load(await loadKeras(file));
  try {
    const [output] = await loaded.run([decode(inputs)]);
    return output as NdArray<"float32">;
  } finally {
    await loaded.dispose();
  }
}

describe("random networks that Keras made and saved", () => {
  test("have every kind of layer", () => {
    expect(made).toHaveLength(count);
    expect(kinds.length).toBeGreaterThanOrEqual(77);
    expect(kinds.filter((kind) => !made.some(({ must }) => must === kind))).toEqual([]);
  });

  test("have as many parameters here as in Keras", async () => {
    const wrong: string[] = [];
    for (const { path: file, classes, parameters } of made) {
      const counted = countParameters(await loadKeras(file));
      if (counted !== parameters) wrong.push(`${classes.join(", ")}: ${counted} instead of ${parameters}`);
    }
    expect(wrong).toEqual([]);
  });

  test.each([
    ["onnx", onnx],
    ["tfjs-wasm", tfjsWasm],
  ] as const)("compute on %s what they computed in Keras", async (_, create) => {
    const backend = create();
    const wrong: string[] = [];
    for (const { path: file, classes, inputs, outputs } of made) {
      const expected = decode(outputs);
      const result = await run(backend, file, inputs);
      const error = relativeError(result, expected);
      if (String(result.shape) !== String(expected.shape) || !(error < 1e-4)) {
        wrong.push(`${classes.join(", ")}: ${error}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  describe("when they were read and saved here", () => {
    const jobs: { readonly path: string; readonly inputs: Encoded; readonly outputs: Encoded }[] = [];
    beforeAll(async () => {
      for (const [index, { path: file, inputs, outputs }] of made.entries()) {
        const format = index % 2 === 0 ? "h5" : "keras";
        const saved = path.join(folder, `saved-${index}.${format}`);
        await writeFile(saved, await encodeKerasModel(await loadKeras(file), { format }));
        jobs.push({ path: saved, inputs, outputs });
      }
    });

    async function wrongIn(wanted: typeof jobs, ...library: readonly string[]): Promise<readonly string[]> {
      const list = path.join(folder, "saved.json");
      await writeFile(list, JSON.stringify(wanted));
      const printed = (await runPython("keras_layers.py", "check", list, ...library)).trim().split("\n").at(-1) ?? "";
      const results = JSON.parse(printed) as readonly { readonly error: number; readonly classes: readonly string[] }[];
      expect(results).toHaveLength(wanted.length);
      return results.flatMap(({ error, classes }) => (error < 1e-5 ? [] : [`${classes.join(", ")}: ${error}`]));
    }

    test("compute the same in Keras 3 again", async () => {
      expect(await wrongIn(jobs)).toEqual([]);
    });

    test("compute the same in Keras 2, where it has all that they are made of", async () => {
      const open = jobs.filter((_, index) => made[index]?.missingInKeras2.length === 0);
      expect(open.length).toBeGreaterThan(count / 2);
      expect(await wrongIn(open, "tf_keras")).toEqual([]);
    });
  });
});
