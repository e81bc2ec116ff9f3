import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "./check-option.js";
import { closestNames, relatedNames } from "./closest-names.js";

/** Every option of `T`, by name: one that is added to `T` and not here does not compile. */
export type OptionNames<T> = { readonly [K in keyof T]-?: true };

/**
 * Refuses an option of a name that is not known. TypeScript does so for literals; in plain JavaScript a slip of the pen,
 * such as `bachSize`, would leave the default in place without a word.
 *
 * @param receiver the function that takes the options, or the option that they are the value of
 * @throws InvalidArgumentError if it is no object, or has an option of another name
 */
export function checkOptions<T extends object>(receiver: string, options: T, names: OptionNames<T>): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new InvalidArgumentError(
      `The \`options\` of \`${receiver}\` are ${describeValue(options)}: expected an object, such as { ${Object.keys(names)[0]}: ... }.`,
    );
  }
  // One that is undefined counts as left out, as those do that are known.
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const [unknown] = given.find(([name]) => !Object.hasOwn(names, name)) ?? [];
  if (unknown === undefined) return;
  const known = Object.keys(names);
  const misspelt = closestNames(unknown, known);
  const close = misspelt.length > 0 ? misspelt : relatedNames(unknown, known);
  const advice =
    close.length > 0
      ? `Did you mean ${close.map((name) => `\`${name}\``).join(" or ")}?`
      : `Its options are ${known.map((name) => `\`${name}\``).join(", ")}.`;
  throw new InvalidArgumentError(`\`${receiver}\` has no option \`${unknown}\`. ${advice}`);
}
