/** What may lie where a picture was expected, by the code of the system's error. */
const words: ReadonlyMap<unknown, string> = new Map([
  ["EISDIR", "it is a folder"],
  ["ELOOP", "it is a link that leads back to itself"],
  ["ENXIO", "it is a pipe, a socket or a device"],
]);

/** Says what lies at a path instead of a file; `undefined` if reading failed for another cause. */
export function notAFile(cause: unknown): string | undefined {
  return cause instanceof Error && "code" in cause ? words.get(cause.code) : undefined;
}
