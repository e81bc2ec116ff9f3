import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";

/** @throws InvalidArgumentError if `classes`, where it is given, is not an integer of at least 2 */
export function checkShownClasses(classes: number | undefined): void {
  if (classes === undefined || (Number.isInteger(classes) && classes >= 2)) return;
  throw new InvalidArgumentError(`\`classes\` is ${describeValue(classes)}: expected an integer of at least 2.`);
}
