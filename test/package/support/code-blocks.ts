/** A block of TypeScript in a page. */
export interface CodeBlock {
  /** Line of its first line of code, counted from 1. */
  readonly line: number;
  readonly code: string;
}

/** The blocks of a Markdown page that are marked as `ts`. */
export function codeBlocks(markdown: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { line: number; code: string[] } | undefined;
  for (const [index, line] of markdown.split("\n").entries()) {
    if (open === undefined) {
      if (line.trim() === "```ts") open = { line: index + 2, code: [] };
    } else if (line.trim() === "```") {
      blocks.push({ line: open.line, code: open.code.join("\n") });
      open = undefined;
    } else open.code.push(line);
  }
  if (open !== undefined) throw new Error(`The block at line ${open.line} does not end.`);
  return blocks;
}

/** Declarations of things that pages speak of without making them, such as `extractor`. A block may have its own. */
export const namesOnPages = Object.entries({
  images: "ImageFolder",
  extractor: "FeatureExtractor",
  writer: "HDF5DatasetWriter",
  data: "HDF5DatasetGenerator",
  train: "DatasetView",
  validation: "DatasetView",
  head: "TransferHead",
  model: "LogisticRegression",
  classifier: "TransferModel",
  features: 'NdArray<"float32">',
})
  .map(([name, type]) => `declare const ${name}: import("cnn-transfer").${type};\n`)
  .join("");

/** A block as a program of its own: where it imports nothing, it has everything that the package exports. */
export function asProgram({ line, code }: CodeBlock, exported: readonly string[]): string {
  const imports = /^import /m.test(code) ? "" : `import { ${exported.join(", ")} } from "cnn-transfer"; `;
  // On a line before the block's own, so that errors tell the line of the page.
  return `${imports}export {};${"\n".repeat(line - 1)}${code}\n`;
}
