/** h5wasm-plugins comes without types; `h5wasm-plugins.ts` declares the part that is used. */
declare module "h5wasm-plugins" {
  export const base_url: unknown;
}
