import { InvalidModelError } from "../errors.js";
import type { Json } from "./layer-config.js";

/** Configs of real models nest about a dozen levels for each model inside of another. */
const greatestDepth = 1000;

/**
 * Parses JSON as Python writes it, which has `NaN` and `Infinity` as well: NaN becomes null.
 *
 * @param what how messages call the text
 * @throws InvalidModelError if it is not JSON, or is nested so deep that nothing could walk through it
 */
export function parseJson(text: string, what: string): Json {
  if (depthOf(text) > greatestDepth) {
    throw new InvalidModelError(
      `${what} is nested more than ${greatestDepth} levels deep, which no model of Keras is. The file is damaged, or made to do harm.`,
    );
  }
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    const plain = withoutPythonNumbers(text);
    try {
      if (plain !== text) return JSON.parse(plain) as Json;
    } catch {
      // The first error is the one that tells.
    }
    throw new InvalidModelError(
      `${what} is not JSON, so the model cannot be read. The file is damaged, or was not saved by Keras.`,
      { cause },
    );
  }
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x5d || code === 0x7d) depth--;
  }
  return deepest;
}

/** Strings are matched first, so that words inside of them stay. */
function withoutPythonNumbers(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|\bNaN\b|\bInfinity\b/g, (token) =>
    token === "NaN" ? "null" : token === "Infinity" ? "1e999" : token,
  );
}
