/**
 * Why a file cannot be decoded, in a few words. Thrown by the readers of single formats, which do not know the
 * picture's name; `decodeImage` makes an `ImageDecodeError` of it.
 */
export class DecodeProblem extends Error {}
