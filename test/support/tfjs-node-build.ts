import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

/** Folder of the @tensorflow/tfjs-node that test/tfjs-node/build.sh makes. */
export const tfjsNodeModule = path.join(root, ".tfjs-node/node_modules/@tensorflow/tfjs-node");

/** Whether that script has run. */
export const tfjsNodeIsBuilt = existsSync(path.join(root, ".tfjs-node/built"));

/** For the names of tests that are skipped without it. */
export const tfjsNodeHint = tfjsNodeIsBuilt ? "" : " (skipped where `bash test/tfjs-node/build.sh` has not run)";

/** Node 24, which that script installs too. */
export const newerNode = path.join(root, ".tfjs-node/node-24/node");
