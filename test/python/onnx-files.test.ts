import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { toOnnx } from "../../src/backends/onnx/to-onnx.js";
import type { NdArray } from "../../src/ndarray.js";
import { loadConformanceNetworks, relativeError } from "../support/conformance-networks.js";
import { runPython } from "./reference-python.js";

interface Result {
  readonly ir: number;
  readonly opset: number;
  readonly inputs: readonly (readonly [name: string, shape: readonly (number | string)[]])[];
  readonly outputs: readonly { readonly name: string; readonly shape: readonly number[]; readonly data: string }[];
}

const networks = loadConformanceNetworks();
let folder: string;
let results: readonly Result[];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "onnx-files-"));
  const jobs = [];
  for (const { name, network, cases } of networks) {
    const file = path.join(folder, `${name}.onnx`);
    await writeFile(file, toOnnx(network));
    const inputs = (cases[0]?.inputs ?? []).map(({ dtype, shape, data }, i) => ({
      name: network.inputs[i],
      dtype,
      shape,
      data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64"),
    }));
    jobs.push({ path: file, inputs });
  }
  const jobsFile = path.join(folder, "jobs.json");
  await writeFile(jobsFile, JSON.stringify(jobs));
  results = JSON.parse((await runPython("onnx_files.py", jobsFile)).trim().split("\n").at(-1) ?? "");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(networks.map((network, i) => ({ ...network, i })))(
  "the file of the network $name passes ONNX's own checker, and Python's ONNX Runtime computes with it what Keras does",
  ({ network, cases, i }) => {
    const result = results[i] as Result;
    expect(result).toMatchObject({ ir: 8, opset: 17 });
    expect(result.inputs.map(([name]) => name)).toEqual(network.inputs);
    for (const [, shape] of result.inputs) expect(shape[0]).toBe("batch");
    expect(result.outputs.map(({ name }) => name)).toEqual(network.outputs);
    result.outputs.forEach(({ name, shape, data }, at) => {
      const expected = cases[0]?.outputs[at] as NdArray<"float32">;
      const values = new Float32Array(Uint8Array.from(Buffer.from(data, "base64")).buffer);
      expect(shape, name).toEqual(expected.shape);
      expect(relativeError({ dtype: "float32", shape, data: values }, expected), name).toBeLessThan(1e-5);
    });
  },
);
