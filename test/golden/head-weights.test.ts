import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { headNetwork } from "../../src/training/head-network.js";

const cases = JSON.parse(
  readFileSync(new URL("../fixtures/head-weights/cases.json", import.meta.url), "utf8"),
) as readonly {
  readonly inputShape: readonly number[];
  readonly hidden: readonly number[];
  readonly classes: number;
  readonly seed: number;
  readonly kernels: readonly {
    readonly shape: readonly number[];
    readonly first: readonly number[];
    readonly sha256: string;
  }[];
}[];

test.each(cases)(
  "a head of $inputShape and $hidden starts with the weights that numpy draws from seed $seed",
  (one) => {
    const classLabels = Array.from({ length: one.classes }, (_, index) => `class ${index}`);
    const { weights } = headNetwork({ ...one, classLabels });
    const all = [...weights.values()].flat();
    const kernels = all.filter(({ name }) => name === "kernel").map(({ array }) => array);
    expect(kernels.map(({ shape }) => shape)).toEqual(one.kernels.map(({ shape }) => shape));
    for (const [index, { data }] of kernels.entries()) {
      const golden = one.kernels[index];
      expect([...data.slice(0, 6)]).toEqual(golden?.first);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      expect(createHash("sha256").update(bytes).digest("hex")).toBe(golden?.sha256);
    }
    const biases = all.filter(({ name }) => name === "bias").flatMap(({ array }) => [...array.data]);
    expect(biases.every((value) => value === 0)).toBe(true);
    expect(biases).toHaveLength(one.hidden.reduce((sum, units) => sum + units, one.classes));
  },
);
