import { UnsupportedError } from "../errors.js";

/** A browser has no file paths. @throws UnsupportedError always */
export async function isThere(path: string): Promise<boolean> {
  return refuse(path);
}

/** A browser has no file paths. @throws UnsupportedError always */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  return refuse(path);
}

function refuse(path: string): never {
  throw new UnsupportedError(
    `Cannot look for "${path}": a browser has no file paths. Leave out \`checkpoint\`, \`history\` and \`saveBest\`, and keep what \`encode()\` and the callbacks give.`,
  );
}

/** Whether two paths are the same: there are no files. */
export async function isSameFile(one: string, other: string): Promise<boolean> {
  return one === other;
}
