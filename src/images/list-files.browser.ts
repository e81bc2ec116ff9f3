import { UnsupportedError } from "../errors.js";

/** A file found: where it is, and its path below the folder that was searched, with forward slashes. */
export interface FoundFile {
  readonly path: string;
  readonly relative: string;
}

function refuse(directory: string): UnsupportedError {
  return new UnsupportedError(
    `Cannot list images in "${directory}": a browser does not open folders. Pass the \`File\`s of an input element to \`imageList\`.`,
  );
}

/** Browsers have no folders: always refuses. @throws UnsupportedError */
export async function listFolders(directory: string): Promise<readonly string[]> {
  throw refuse(directory);
}

/** Browsers have no folders: always refuses. @throws UnsupportedError */
export async function listFiles(
  directory: string,
  _accept: (name: string) => boolean,
  _followLinks: boolean,
): Promise<readonly FoundFile[]> {
  throw refuse(directory);
}
