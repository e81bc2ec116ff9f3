// Loaded with `node --import`: makes onnxruntime-node look as if it were not installed, or, with
// ONNXRUNTIME_NODE=broken in the environment, as if its native library could not be loaded.
import { register } from "node:module";

const hooks = `
export async function resolve(specifier, context, next) {
  if (specifier !== "onnxruntime-node") return next(specifier, context);
  if (process.env.ONNXRUNTIME_NODE !== "broken") {
    throw Object.assign(new Error("Cannot find package 'onnxruntime-node'"), { code: "ERR_MODULE_NOT_FOUND" });
  }
  const source = 'throw Object.assign(new Error("libonnxruntime.so.1: cannot open shared object file"), { code: "ERR_DLOPEN_FAILED" });';
  return { url: "data:text/javascript," + encodeURIComponent(source), shortCircuit: true };
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
