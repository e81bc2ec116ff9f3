import type { Int8Calibration } from "../backends/quantizing-backend.js";
import { crc32 } from "../checksum/crc32.node.js";
import { InvalidArgumentError } from "../errors.js";
import { keepCalibrationText, readCalibrationText } from "./calibration-file.node.js";

/**
 * The calibration that a file holds; undefined if there is no file.
 *
 * @throws InvalidArgumentError if it holds something else
 * @throws FileAccessError if it cannot be read
 */
export async function readCalibration(path: string): Promise<Int8Calibration | undefined> {
  const text = await readCalibrationText(path);
  return text === undefined ? undefined : parseCalibration(path, text);
}

/**
 * Keeps a calibration, unless another process was first: of those that begin together all use the one that is there.
 *
 * @returns the calibration that is kept now
 * @throws FileAccessError if it cannot be written
 */
export async function keepCalibration(path: string, calibration: Int8Calibration): Promise<Int8Calibration> {
  return parseCalibration(path, await keepCalibrationText(path, `${JSON.stringify(calibration, undefined, 1)}\n`));
}

/** What is stored with features: equal for calibrations that compute the same. */
export function describeCalibration({ checksum, ranges, inFloat }: Int8Calibration): string {
  const sorted = Object.entries(ranges).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([checksum, sorted, [...inFloat].sort()]);
  return `int8 (calibration crc32 ${crc32(new TextEncoder().encode(text)).toString(16).padStart(8, "0")})`;
}

/** Whether a value has the form of a calibration. */
export function isCalibration(value: unknown): value is Int8Calibration {
  if (typeof value !== "object" || value === null) return false;
  const { formatVersion, checksum, ranges, inFloat } = value as Partial<Int8Calibration>;
  return (
    formatVersion === 1 &&
    typeof checksum === "string" &&
    Array.isArray(inFloat) &&
    typeof ranges === "object" &&
    ranges !== null &&
    Object.values(ranges).every((range) => Array.isArray(range) && range.length === 2 && range.every(Number.isFinite))
  );
}

function parseCalibration(path: string, text: string): Int8Calibration {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (isCalibration(value)) return value;
  throw new InvalidArgumentError(`"${path}" is not a calibration. Delete it, or give another \`calibrationPath\`.`);
}
