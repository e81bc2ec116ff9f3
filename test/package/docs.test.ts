import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type ts from "typescript";
import { describe, expect, inject, test } from "vitest";
import { asProgram, codeBlocks, namesOnPages } from "./support/code-blocks.js";
import { compile, strictest } from "./support/compile.js";

const { consumer } = inject("installed");
const root = resolve(import.meta.dirname, "../..");
const pages = [
  "README.md",
  "CHANGELOG.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`),
].sort();

function read(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

describe("the pages", () => {
  test("hold TypeScript that compiles against the package", () => {
    const declarations = readFileSync(join(consumer, "node_modules/cnn-transfer/dist/node/index.d.ts"), "utf8");
    const exported = [...declarations.matchAll(/^export \{ (.*) \};$/gm)].flatMap(([, list = ""]) => list.split(", "));
    expect(exported.length).toBeGreaterThan(20);
    const programs = Object.fromEntries(
      pages.flatMap((page) =>
        codeBlocks(read(page)).map((block) => [
          `${page.replaceAll("/", "-")}-${block.line}.ts`,
          asProgram(block, exported),
        ]),
      ),
    );
    expect(Object.keys(programs).length).toBeGreaterThan(15);
    const options: ts.CompilerOptions = {
      ...strictest,
      lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
      verbatimModuleSyntax: false,
      isolatedModules: false,
      // The declarations of tfjs, which some blocks import, do not compile otherwise.
      skipLibCheck: true,
    };
    expect(compile(consumer, { ...programs, "names-on-pages.d.ts": namesOnPages }, options)).toEqual([]);
  });

  test.each(pages)("%s links to pages and sections that exist", (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)];
    const broken = links.filter(([, path = "", section]) => {
      const target = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(root, target))) return true;
      return section !== undefined && !headings(read(target)).includes(section);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });
});

/** Names of the sections as GitHub makes them from headings. */
function headings(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, "")
      .replaceAll(" ", "-"),
  );
}
