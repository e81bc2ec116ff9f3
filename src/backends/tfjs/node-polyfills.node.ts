import { createRequire } from "node:module";

/**
 * Gives Node back the two functions of `util` that tfjs-node calls: Node 23 took them away, and before that they print a
 * deprecation warning from version 22 on. Without them tfjs-node loads, and then every operation fails.
 */
export function restoreUtilFunctions(): void {
  // The CommonJS object is what tfjs-node sees; the namespace of an import cannot be changed.
  const util = createRequire(import.meta.url)("node:util") as Record<string, unknown>;
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 22) return;
  util.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  util.isArray = Array.isArray;
}
