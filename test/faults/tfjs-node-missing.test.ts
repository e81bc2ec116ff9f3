import { rmSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { makeTfjsApp, type TfjsApp, type TfjsNodeState } from "../support/tfjs-app.js";
import { tfjsNodeHint, tfjsNodeIsBuilt } from "../support/tfjs-node-build.js";

const tryToStart = `
import { tfjsNode } from "./library.mjs";
const backend = tfjsNode();
const error = await backend.init().then(() => undefined, (reason) => reason);
const again = await backend.init().then(() => undefined, (reason) => reason);
console.log(JSON.stringify({
  name: error.name, message: error.message, reasons: error.reasons, cause: String(error.cause), again: again.name,
}));
`;

const states: readonly [TfjsNodeState, string, readonly string[]][] = [
  ["absent", "is not installed", ["npm install @tensorflow/tfjs-node"]],
  ["without addon", "without its native addon", ["npm rebuild @tensorflow/tfjs-node", "tfjs_binding.node"]],
  ["without library", "does not load", ["libtensorflow", "npm install @tensorflow/tfjs-node"]],
];

describe("in an app whose tfjs-node is", () => {
  let app: TfjsApp | undefined;
  afterEach(() => {
    if (app !== undefined) rmSync(app.folder, { recursive: true });
    app = undefined;
  });

  for (const [state, reason, words] of states) {
    const possible = state === "absent" || tfjsNodeIsBuilt;
    test.runIf(possible)(
      `${state}, starting rejects with what to do, and prints nothing${possible ? "" : tfjsNodeHint}`,
      async () => {
        app = await makeTfjsApp(state);
        const { stdout, stderr } = await app.run(tryToStart);
        const error = JSON.parse(stdout);
        expect(error.name).toBe("BackendUnavailableError");
        expect(error.again).toBe("BackendUnavailableError");
        expect(error.reasons).toHaveLength(1);
        expect(error.reasons[0].backend).toBe("tfjs-node");
        expect(error.reasons[0].reason).toContain(reason);
        if (state === "absent") expect(error.cause).toContain("Cannot find package");
        for (const word of words) expect(error.message).toContain(word);
        expect(stderr).toBe("");
      },
    );
  }

  test.runIf(tfjsNodeIsBuilt)(
    `on the CPU only, tfjsNodeGpu refuses to run there unnoticed${tfjsNodeHint}`,
    async () => {
      app = await makeTfjsApp("whole");
      const { stdout } = await app.run(`
      import { createRequire } from "node:module";
      import { tfjsNode, tfjsNodeGpu } from "./library.mjs";
      const gpu = tfjsNodeGpu({ module: createRequire(import.meta.url).resolve("@tensorflow/tfjs-node") });
      const error = await gpu.init().then(() => undefined, (reason) => reason);
      const cpu = tfjsNode();
      await cpu.init();
      console.log(JSON.stringify({ name: error.name, message: error.message, cpu: cpu.description }));
    `);
      const { name, message, cpu } = JSON.parse(stdout);
      expect(name).toBe("BackendUnavailableError");
      expect(message).toContain("found no NVIDIA GPU");
      expect(cpu).toContain("CPU");
    },
  );
});
