import { UnsupportedError } from "../errors.js";

/**
 * Browsers have no paths: always refuses.
 *
 * @throws UnsupportedError
 */
export async function readImageFile(path: string, _signal?: AbortSignal): Promise<Uint8Array> {
  throw new UnsupportedError(
    `Cannot read image "${path}": a browser does not open paths. Pass a \`File\` or \`Blob\`, or the bytes.`,
  );
}
