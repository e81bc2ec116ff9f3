import { InvalidModelError } from "../errors.js";
import { type AttributeValue, plainAttribute } from "../hdf5/dataset-attributes.js";
import type { HDF5File } from "../hdf5/engine.js";

/** Attribute of a file's root that says which classifier it holds. */
export const classifierAttribute = "classifier";

/** Facts of a classifier's file by name. */
export type ClassifierFacts = ReadonlyMap<string, AttributeValue>;

/** The facts in a file's root. Attributes of forms that are none of ours are left out. */
export async function readFactsOf(file: HDF5File): Promise<ClassifierFacts> {
  const facts = new Map<string, AttributeValue>();
  for (const name of await file.attributes("/")) {
    const attribute = await file.attribute("/", name).catch(() => undefined);
    if (attribute !== undefined) facts.set(name, plainAttribute(attribute));
  }
  return facts;
}

/** @throws InvalidModelError if a file holds another classifier, or none */
export function checkClassifier(name: string, facts: ClassifierFacts, classifier: string): void {
  const found = facts.get(classifierAttribute);
  if (found === classifier) return;
  throw new InvalidModelError(
    `"${name}" holds ${typeof found === "string" ? `a ${found}` : "no classifier that was saved here"}: expected a file of \`${classifier}.save\`.`,
  );
}

/** @throws InvalidModelError: what is in a classifier's file cannot be */
export function invalidClassifier(name: string, fault: string): InvalidModelError {
  return new InvalidModelError(`"${name}" is damaged, or was changed: ${fault}. Fit the classifier and save it again.`);
}

/** How messages call a source. */
export function nameOfSource(source: unknown): string {
  return typeof source === "string" ? source : "the classifier's bytes";
}
