import { readFileSync } from "node:fs";
import { fc, test } from "@fast-check/vitest";
import { beforeAll, describe, expect } from "vitest";
import { isCnnTransferError } from "../../src/errors.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import type { Json } from "../../src/keras/layer-config.js";
import { readTopology } from "../../src/keras/read-topology.js";
import { inferShapes } from "../../src/network/shapes.js";

const files = ["keras3-picture-network", "keras2-picture-network", "keras3-sequential-head", "keras2-sequential-head"];
const configs: string[] = [];
beforeAll(async () => {
  for (const name of files) {
    const file = await h5wasm().open(readFileSync(new URL(`../fixtures/keras-models/${name}.h5`, import.meta.url)));
    const attribute = await file.attribute("/", "model_config");
    configs.push(String(attribute?.data[0]));
    await file.close();
  }
});

/** Puts `value` in place of one value somewhere inside of `json`; `at` chooses which. */
function replaceOne(json: Json, value: Json, at: number): Json {
  let count = 0;
  JSON.stringify(json, (_, inner: Json) => {
    count++;
    return inner;
  });
  let left = at % count;
  return JSON.parse(JSON.stringify(json, (_, inner: Json) => (left-- === 0 ? value : inner)) ?? "null") as Json;
}

describe("readTopology", () => {
  test.prop(
    [
      fc.nat(files.length - 1),
      fc.array(fc.tuple(fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>, fc.nat()), { minLength: 1, maxLength: 3 }),
    ],
    { numRuns: 2000, seed: 5 },
  )("gives a topology or a typed error for any damaged config, and nothing else", (which, edits) => {
    let config = JSON.parse(configs[which] as string) as Json;
    for (const [value, at] of edits) config = replaceOne(config, value, at);
    try {
      inferShapes(readTopology(config));
    } catch (error) {
      if (!isCnnTransferError(error)) throw error;
      expect(error.message.length).toBeGreaterThan(20);
    }
  });
});
