import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, inject, test } from "vitest";

const run = promisify(execFile);
const { bare, consumer } = inject("installed");

/** Runs an ES module in a process of its own, inside a project. A process that does not end by itself fails. */
function runModule(cwd: string, code: string): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, ["--input-type=module", "--eval", code], { cwd, timeout: 20_000 });
}

describe("importing the package", () => {
  test.each([
    ["with its libraries", consumer],
    ["without them, as each is loaded when it is needed", bare],
  ])("prints nothing and lets the process end, %s", async (_, project) => {
    expect(await runModule(project, 'import "cnn-transfer";')).toEqual({ stdout: "", stderr: "" });
  });

  test("adds no global and changes no prototype", async () => {
    const code = `
      const objects = { globalThis, array: Array.prototype, object: Object.prototype, bytes: Uint8Array.prototype };
      const names = () => JSON.stringify(Object.values(objects).map((object) => Reflect.ownKeys(object).map(String)));
      const before = names();
      await import("cnn-transfer");
      process.stdout.write(String(names() === before));
    `;
    expect((await runModule(consumer, code)).stdout).toBe("true");
  });

  test("starts threads of tfjs-wasm that do not keep the process, print nothing and leave no global", async () => {
    const code = `
      import { createNetwork, tfjsWasm } from "cnn-transfer";
      const names = Reflect.ownKeys(globalThis).map(String).sort().join();
      const backend = tfjsWasm({ threads: 2 });
      await backend.init();
      const added = Reflect.ownKeys(globalThis).map(String).filter((name) => !names.split(",").includes(name));
      const network = await createNetwork("vgg-mini", { seed: 1 }).catch(() => createNetwork("vgg-mini"));
      const loaded = await backend.load(network);
      const [height, width, channels] = loaded.inputShapes[0].map((size) => size ?? 64);
      const shape = [1, height, width, channels];
      await loaded.run([{ dtype: "float32", shape, data: new Float32Array(height * width * channels).fill(1) }]);
      process.stdout.write(JSON.stringify({ description: backend.description.split(", ").pop(), added }));
    `;
    const { stdout, stderr } = await runModule(consumer, code);
    expect(stderr).toBe("");
    // What tfjs itself adds is its own.
    const { description, added } = JSON.parse(stdout) as { readonly description: string; readonly added: string[] };
    expect(description).toBe("2 threads");
    expect(added).not.toContain("Worker");
  });

  test("says what to install where a library is missing", async () => {
    const code = `
      import { isCnnTransferError, tfjsWasm } from "cnn-transfer";
      const error = await tfjsWasm().init().catch((reason) => reason);
      process.stdout.write(isCnnTransferError(error, "BackendUnavailableError") ? error.message : "other: " + error);
    `;
    expect((await runModule(bare, code)).stdout).toMatch(/install/i);
  });
});
