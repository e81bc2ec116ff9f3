import { existsSync } from "node:fs";
import { copyFile, rm } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { defineConfig, type Options } from "tsup";

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

/**
 * Libraries that are loaded late and only when asked for. tsup leaves `dependencies` and `peerDependencies` outside of
 * the bundle by itself; these it would pull in.
 */
const external = [
  /^onnxruntime-/,
  /^@tensorflow\//,
  "sharp",
  "h5wasm",
  "h5wasm-plugins",
  "jsfive",
  "umap-js",
  "webgpu",
];

/** In the build for browsers every `./name.node.js` is its sibling `./name.browser.ts`. */
const browserSiblings: Plugin = {
  name: "browser-siblings",
  setup(build) {
    build.onResolve({ filter: /^\.{1,2}\/.*\.node\.js$/ }, (request) => {
      const sibling = resolve(request.resolveDir, request.path.replace(/\.node\.js$/, ".browser.ts"));
      if (existsSync(sibling)) return { path: sibling };
      const importer = relative(process.cwd(), request.importer);
      return { errors: [{ text: `"${importer}" imports "${request.path}", which has no sibling for browsers` }] };
    });
  },
};

export default defineConfig(async (flags) => {
  // Both builds write below dist/ at the same time, so neither may do the cleaning. Each has a folder of its own there, which
  // makes code as far from assets/ when built as it is in src/.
  await rm("dist", { recursive: true, force: true });
  return [
    {
      entry: { index: "src/index.ts" },
      outDir: "dist/node",
      format: "esm",
      platform: "node",
      target: "node20",
      splitting: true,
      removeNodeProtocol: false,
      external,
      // The reference lets programs compile that do not list the library of `await using` themselves.
      dts: flags.dts === false ? false : { banner: '/// <reference lib="esnext.disposable" />' },
      async onSuccess() {
        // They run in threads of their own and are found beside the code that starts them, so that they are files and not parts.
        await copyFile("src/backends/onnx/session-worker.mjs", "dist/node/session-worker.mjs");
        await copyFile("src/backends/onnx/training/training-worker.mjs", "dist/node/training-worker.mjs");
        await copyFile("src/backends/onnx/training/block-steps.mjs", "dist/node/block-steps.mjs");
        await copyFile("src/backends/onnx/training/weight-memory.mjs", "dist/node/weight-memory.mjs");
      },
    },
    {
      // The other thread's program has all that it needs in one file, so that whatever moves it need not move more.
      entry: { "picture-worker": "src/images/serve-pictures.node.ts" },
      outDir: "dist/node",
      format: "esm",
      platform: "node",
      target: "node20",
      outExtension: () => ({ js: ".mjs" }),
      footer: { js: "servePictures();" },
      splitting: false,
      removeNodeProtocol: false,
      external,
    },
    {
      entry: { index: "src/index.ts" },
      outDir: "dist/browser",
      format: "esm",
      platform: "browser",
      target: "es2022",
      splitting: true,
      removeNodeProtocol: false,
      external,
      esbuildPlugins: [browserSiblings],
    },
  ];
});
