/** jsfive comes without types; `jsfive-library.ts` declares the parts that are used. */
declare module "jsfive" {
  export const File: unknown;
}
