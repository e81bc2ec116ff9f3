import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";

type Import = {
  readonly file: string;
  /** As written. */
  readonly specifier: string;
  /** Path below src of an import of our own; `undefined` for a package. */
  readonly target: string | undefined;
  readonly kind: "static" | "late" | "type";
};

const src = resolve(import.meta.dirname, "../../src");
const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))
  .sort();
const parsed = new Map(
  files.map((file) => [
    file,
    ts.createSourceFile(file, readFileSync(join(src, file), "utf8"), ts.ScriptTarget.ES2022, true),
  ]),
);
const imports = files.flatMap((file) => importsOf(file));

function importsOf(file: string): readonly Import[] {
  const found: Import[] = [];
  function add(specifier: ts.Node | undefined, kind: Import["kind"]): void {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const path = specifier.text;
    const target = path.startsWith(".") ? join(dirname(file), path).replace(/\.js$/, ".ts") : undefined;
    found.push({ file, specifier: path, target, kind });
  }
  function visit(node: ts.Node): void {
    if (ts.isImportDeclaration(node)) {
      const named = node.importClause?.namedBindings;
      const onlyTypes =
        node.importClause?.isTypeOnly === true ||
        (node.importClause?.name === undefined &&
          named !== undefined &&
          ts.isNamedImports(named) &&
          named.elements.length > 0 &&
          named.elements.every((element) => element.isTypeOnly));
      add(node.moduleSpecifier, onlyTypes ? "type" : "static");
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly ? "type" : "static");
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], "late");
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, "type");
    }
    ts.forEachChild(node, visit);
  }
  const source = parsed.get(file);
  if (source !== undefined) visit(source);
  return found;
}

/** Names of what a file exports at run time. */
function exportedValues(file: string): readonly string[] {
  const source = parsed.get(file);
  const names = (source?.statements ?? []).flatMap((statement): readonly string[] => {
    const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
    if (!modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)) return [];
    if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) return [];
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.map((declaration) => declaration.name.getText(source));
    }
    const { name } = statement as ts.DeclarationStatement;
    return name === undefined ? [] : [name.getText(source)];
  });
  return names.sort();
}

function isNodeFile(file: string): boolean {
  return file.endsWith(".node.ts");
}

/** Imports that break a rule, as lines to read. */
function lines(broken: readonly Import[]): readonly string[] {
  return broken.map(({ file, specifier, kind }) => `${file}: ${kind} import of "${specifier}"`);
}

const words = ["ndarray.ts", "errors.ts", "random.ts"];
const seams = [
  "network/activation.ts",
  "network/layer.ts",
  "network/network.ts",
  "backends/backend.ts",
  "hdf5/engine.ts",
  "images/image-source.ts",
  "images/preprocess.ts",
  "backbones/backbone.ts",
];
const classes = [
  "feature-extractor.ts",
  "hdf5-dataset-writer.ts",
  "hdf5-dataset-generator.ts",
  "transfer-head.ts",
  "transfer-model.ts",
  "fine-tune.ts",
  "frozen-features.ts",
  "logistic-regression.ts",
  "k-neighbors-classifier.ts",
  "nearest-centroid.ts",
  "neighbors-file.ts",
  "write-images.ts",
  "merge-shards.ts",
];
const adapter = /^(backends\/(onnx|tfjs)\/|hdf5\/(h5wasm|jsfive))/;

describe("dependencies point one way", () => {
  test("words know only words", () => {
    const broken = imports.filter(({ file, target }) => words.includes(file) && !words.includes(target ?? ""));
    expect(lines(broken)).toEqual([]);
  });

  test("seams know only words and seams, and the settings of each family of layers", () => {
    const allowed = [...words, ...seams];
    const broken = imports.filter(
      ({ file, target, kind }) =>
        seams.includes(file) &&
        !allowed.includes(target ?? "") &&
        !(kind === "type" && target?.startsWith("network/layers/")),
    );
    expect(lines(broken)).toEqual([]);
  });

  test("classes know no adapter and no other package", () => {
    const broken = imports.filter(
      ({ file, target }) => classes.includes(file) && (target === undefined || adapter.test(target)),
    );
    expect(lines(broken)).toEqual([]);
  });

  test("nothing but the public list knows the classes, and nothing knows the public list", () => {
    const broken = imports.filter(
      ({ file, target, kind }) =>
        target === "index.ts" ||
        (kind !== "type" && classes.includes(target ?? "") && file !== "index.ts" && !classes.includes(file)),
    );
    expect(lines(broken)).toEqual([]);
  });

  test("ONNX, tfjs and the HDF5 libraries do not know each other", () => {
    function family(path: string): string | undefined {
      return /^(backends\/onnx|backends\/tfjs|hdf5\/h5wasm|hdf5\/jsfive)/.exec(path)?.[1];
    }
    const broken = imports.filter(({ file, target }) => {
      const from = family(file);
      const to = target === undefined ? undefined : family(target);
      return from !== undefined && to !== undefined && from !== to;
    });
    expect(lines(broken)).toEqual([]);
  });

  test("no file needs itself before it is loaded", () => {
    const needs = new Map<string, string[]>();
    for (const { file, target, kind } of imports) {
      if (kind === "static" && target !== undefined) needs.set(file, [...(needs.get(file) ?? []), target]);
    }
    const done = new Set<string>();
    const circles: string[] = [];
    function walk(file: string, path: readonly string[]): void {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
      else if (!done.has(file)) {
        for (const next of needs.get(file) ?? []) walk(next, [...path, file]);
        done.add(file);
      }
    }
    for (const file of files) walk(file, []);
    expect(circles).toEqual([]);
  });
});

describe("the core runs on every platform", () => {
  test("`node:` is imported only in files named *.node.ts", () => {
    expect(lines(imports.filter(({ file, specifier }) => specifier.startsWith("node:") && !isNodeFile(file)))).toEqual(
      [],
    );
  });

  test("modules of Node are named with `node:`", () => {
    const bare =
      /^(assert|buffer|child_process|crypto|events|fs|http|https|module|net|os|path|process|stream|url|util|worker_threads|zlib)(\/|$)/;
    expect(lines(imports.filter(({ specifier }) => bare.test(specifier)))).toEqual([]);
  });

  test("`Buffer`, `process`, `require` and `__dirname` stand only in files named *.node.ts", () => {
    const platform = new Set(["Buffer", "process", "require", "__dirname", "__filename"]);
    const found: string[] = [];
    for (const [file, source] of parsed) {
      if (isNodeFile(file)) continue;
      const visit = (node: ts.Node): void => {
        if (ts.isIdentifier(node) && platform.has(node.text)) {
          const isMember =
            (ts.isPropertyAccessExpression(node.parent) && node.parent.name === node) ||
            (ts.isPropertyAssignment(node.parent) && node.parent.name === node) ||
            ts.isPropertySignature(node.parent);
          if (!isMember) found.push(`${file}: ${node.text}`);
        }
        ts.forEachChild(node, visit);
      };
      visit(source);
    }
    expect(found).toEqual([]);
  });

  test("every *.node.ts that the core imports has a sibling for browsers with the same exports", () => {
    const imported = new Set(
      imports
        .filter(({ file, target }) => target?.endsWith(".node.ts") && !isNodeFile(file))
        .map(({ target }) => target),
    );
    const broken = [...imported].flatMap((file = "") => {
      const sibling = file.replace(".node.ts", ".browser.ts");
      if (!parsed.has(sibling)) return [`${sibling} is missing`];
      const [here, there] = [exportedValues(file), exportedValues(sibling)];
      return here.join() === there.join() ? [] : [`${file} exports ${here.join()}; ${sibling} exports ${there.join()}`];
    });
    expect(broken).toEqual([]);
  });
});

describe("importing does nothing", () => {
  test("other packages are loaded late, by `import()`", () => {
    const small = /^@bufbuild\/protobuf/;
    const broken = imports.filter(
      ({ specifier, target, kind }) =>
        kind === "static" && target === undefined && !specifier.startsWith("node:") && !small.test(specifier),
    );
    expect(lines(broken)).toEqual([]);
  });

  test("nothing is imported for its side effects", () => {
    const found = files.flatMap((file) =>
      (parsed.get(file)?.statements ?? [])
        .filter((statement) => ts.isImportDeclaration(statement) && statement.importClause === undefined)
        .map((statement) => `${file}: ${statement.getText(parsed.get(file))}`),
    );
    expect(found).toEqual([]);
  });

  test("files hold declarations and no statements that run, except for constants", () => {
    const found = files.flatMap((file) =>
      (parsed.get(file)?.statements ?? [])
        .filter(
          (statement) =>
            ts.isExpressionStatement(statement) || ts.isIfStatement(statement) || ts.isForOfStatement(statement),
        )
        .map((statement) => `${file}: ${statement.getText(parsed.get(file)).split("\n")[0]}`),
    );
    expect(found).toEqual([]);
  });
});

describe("style", () => {
  test("import specifiers of our own files end in .js and lead to a file", () => {
    const broken = imports.filter(
      ({ specifier, target }) => target !== undefined && (!/\.m?js$/.test(specifier) || !existsSync(join(src, target))),
    );
    expect(lines(broken)).toEqual([]);
  });

  test("there are no default exports", () => {
    const found = files.filter((file) =>
      (parsed.get(file)?.statements ?? []).some(
        (statement) =>
          ts.isExportAssignment(statement) ||
          (ts.canHaveModifiers(statement) &&
            ts.getModifiers(statement)?.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword)),
      ),
    );
    expect(found).toEqual([]);
  });

  test("files are named in kebab case", () => {
    const pattern = /^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*(\.(node|browser))?\.ts$/;
    expect(files.filter((file) => !pattern.test(file))).toEqual([]);
  });
});
