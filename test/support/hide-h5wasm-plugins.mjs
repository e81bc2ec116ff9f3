// Loaded with `node --import`: makes h5wasm-plugins look as if it were not installed, or, with H5WASM_PLUGINS=broken in
// the environment, as if its plug-ins were lost.
import { register } from "node:module";

const hooks = `
export async function resolve(specifier, context, next) {
  if (specifier !== "h5wasm-plugins") return next(specifier, context);
  if (process.env.H5WASM_PLUGINS !== "broken") {
    throw Object.assign(new Error("Cannot find package 'h5wasm-plugins'"), { code: "ERR_MODULE_NOT_FOUND" });
  }
  const source = 'export const base_url = "file:///nowhere";';
  return { url: "data:text/javascript," + encodeURIComponent(source), shortCircuit: true };
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
