import { InvalidArgumentError } from "../errors.js";

/**
 * Refuses a call with `new` of a class that a function of its own makes, as that does slow work first. In TypeScript the
 * constructor is private; in plain JavaScript the object would be there and of no use.
 *
 * @param instead the call that was meant
 */
export function refuseNew(className: string, instead: string): never {
  throw new InvalidArgumentError(`\`new ${className}\` makes no ${className}: call \`${instead}\`.`);
}
