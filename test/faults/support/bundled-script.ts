import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { build } from "tsup";

/** A script of this folder as one file of plain JavaScript, which starts many times faster than TypeScript does. */
export interface BundledScript {
  readonly path: string;
  remove(): Promise<void>;
}

const root = path.resolve(import.meta.dirname, "../../..");

/** Bundles `test/faults/support/<name>.ts`. It lies below node_modules, so that it finds packages. */
export async function bundleScript(name: string): Promise<BundledScript> {
  const cache = path.join(root, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(path.join(cache, "faults-"));
  await build({
    entry: { [name]: path.join(import.meta.dirname, `${name}.ts`) },
    outDir: folder,
    outExtension: () => ({ js: ".mjs" }),
    format: "esm",
    platform: "node",
    target: "node20",
    splitting: true,
    dts: false,
    config: false,
    silent: true,
    removeNodeProtocol: false,
    external: [/^onnxruntime-/, /^@tensorflow\//, "sharp", "h5wasm", "h5wasm-plugins", "jsfive"],
  });
  const script = (await readdir(folder)).find((file) => file === `${name}.mjs`);
  if (!script) throw new Error(`"${name}" was not bundled`);
  return { path: path.join(folder, script), remove: () => rm(folder, { recursive: true, force: true }) };
}
