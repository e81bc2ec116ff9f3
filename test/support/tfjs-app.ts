import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { tfjsNodeModule } from "./tfjs-node-build.js";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

/** How an app's node_modules holds @tensorflow/tfjs-node. */
export type TfjsNodeState = "absent" | "whole" | "without addon" | "without library";

/** What a process printed. */
export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

/** An app in a folder of its own, with its own node_modules, that uses the library as built from the sources. */
export interface TfjsApp {
  readonly folder: string;
  /** Runs a module of the app in a new process. */
  run(source: string, options?: { readonly node?: string }): Promise<Printed>;
}

/** Makes an app whose node_modules has tfjs-node in a certain state. */
export async function makeTfjsApp(state: TfjsNodeState): Promise<TfjsApp> {
  const folder = mkdtempSync(path.join(tmpdir(), "tfjs-app-"));
  await build({
    stdin: {
      contents: [
        `export { tfjsNode, tfjsNodeGpu } from "./src/backends/tfjs/tfjs-node.node.js";`,
        `export { tfjsWasm } from "./src/backends/tfjs/tfjs-wasm.node.js";`,
        `export { tfjsCpu } from "./src/backends/tfjs/tfjs-cpu.js";`,
        `export { everyLayerBatch, everyLayerNetwork } from "./test/support/every-layer-network.js";`,
        `export { headNetwork } from "./test/support/head-network.js";`,
      ].join("\n"),
      resolveDir: root,
    },
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    outfile: path.join(folder, "library.mjs"),
    logLevel: "error",
  });
  const scope = path.join(folder, "node_modules/@tensorflow");
  mkdirSync(scope, { recursive: true });
  for (const name of ["tfjs-core", "tfjs-layers", "tfjs-backend-wasm", "tfjs-backend-cpu"]) {
    symlinkSync(path.join(root, "node_modules/@tensorflow", name), path.join(scope, name));
  }
  if (state !== "absent") addTfjsNode(folder, state);
  return {
    folder,
    async run(source, { node = process.execPath } = {}) {
      const file = path.join(folder, "app.mjs");
      writeFileSync(file, source);
      // The loader of tests is not for the app.
      const { NODE_OPTIONS: _, VITEST: __, ...env } = process.env;
      return promisify(execFile)(node, [file], { env, timeout: 60_000, maxBuffer: 2 ** 24 });
    },
  };
}

function addTfjsNode(folder: string, state: TfjsNodeState): void {
  const modules = path.join(folder, "node_modules");
  const target = path.join(modules, "@tensorflow/tfjs-node");
  if (state === "whole") {
    symlinkSync(tfjsNodeModule, target);
    return;
  }
  const source = path.resolve(tfjsNodeModule, "../..");
  for (const name of readdirSync(source)) {
    if (!name.startsWith(".") && name !== "@tensorflow") symlinkSync(path.join(source, name), path.join(modules, name));
  }
  symlinkSync(path.join(source, "@tensorflow/tfjs"), path.join(modules, "@tensorflow/tfjs"));
  for (const part of ["package.json", "dist", ...(state === "without library" ? ["lib"] : [])]) {
    cpSync(path.join(tfjsNodeModule, part), path.join(target, part), { recursive: true });
  }
}
