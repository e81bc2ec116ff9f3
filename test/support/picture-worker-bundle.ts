import { mkdir, mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import type { TestProject } from "vitest/node";

const root = path.resolve(import.meta.dirname, "../..");

/**
 * Bundles the program of the threads that prepare pictures, once for a run of tests: from the sources each thread takes ten times
 * as long to start, and there are hundreds. It is the bundle that a build makes, of the sources of now.
 */
export default async function bundlePictureWorker(project: TestProject): Promise<() => Promise<void>> {
  // Below node_modules, so that it finds packages.
  const cache = path.join(root, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(path.join(cache, "picture-worker-"));
  const outfile = path.join(folder, "picture-worker.mjs");
  const bundle = () =>
    build({
      entryPoints: [path.join(root, "src/images/serve-pictures.node.ts")],
      outfile,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      packages: "external",
      footer: { js: "servePictures();" },
    });
  await bundle();
  project.onTestsRerun(async () => {
    await bundle();
  });
  process.env.CNN_TRANSFER_PICTURE_WORKER = pathToFileURL(outfile).href;
  return () => rm(folder, { recursive: true, force: true });
}
