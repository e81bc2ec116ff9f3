import { join } from "node:path";
import ts from "typescript";
import { describe, expect, inject, test } from "vitest";

const { consumer } = inject("installed");
const declarations = join(consumer, "node_modules/cnn-transfer/dist/node/index.d.ts");
const program = ts.createProgram([declarations], { strict: true, types: [], lib: ["lib.es2022.d.ts", "lib.dom.d.ts"] });
const checker = program.getTypeChecker();
const source = program.getSourceFile(declarations);
const moduleSymbol = source && checker.getSymbolAtLocation(source);
if (moduleSymbol === undefined) throw new Error(`"${declarations}" is not a module.`);

const symbols = checker.getExportsOfModule(moduleSymbol).map((symbol) => ({
  name: symbol.name,
  symbol: symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
  isTypeOnly: symbol.declarations?.some((node) => ts.isExportSpecifier(node) && node.isTypeOnly) ?? false,
}));
const isValue = ({ symbol, isTypeOnly }: (typeof symbols)[number]) =>
  !isTypeOnly && (symbol.flags & ts.SymbolFlags.Value) !== 0;
const values = symbols.filter(isValue);
const types = symbols.filter((entry) => !isValue(entry));

const seams = [
  "Backbone",
  "Backend",
  "HDF5Engine",
  "HDF5File",
  "ImageSource",
  "LoadedNetwork",
  "Random",
  "TrainableBackend",
  "TrainableNetwork",
  "WritableHDF5Engine",
];

function names(list: typeof symbols): readonly string[] {
  return list.map(({ name }) => name).sort();
}

function prose(symbol: ts.Symbol): string {
  return ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
}

describe("the public list", () => {
  test("holds these values", () => {
    expect(names(values)).toMatchInlineSnapshot(`
      [
        "BackendError",
        "BackendUnavailableError",
        "ClosedError",
        "CnnTransferError",
        "DatasetView",
        "FeatureExtractor",
        "FileAccessError",
        "HDF5DatasetGenerator",
        "HDF5DatasetWriter",
        "ImageDecodeError",
        "InvalidArgumentError",
        "InvalidDatasetError",
        "InvalidModelError",
        "InvalidNetworkError",
        "InvalidWeightsError",
        "LogisticRegression",
        "ShapeMismatchError",
        "TrainingDivergedError",
        "TransferHead",
        "UnsupportedError",
        "WeightsDownloadError",
        "aspectAwareResize",
        "augmentImages",
        "auto",
        "autoEngine",
        "autoTrainable",
        "calibration",
        "classificationReport",
        "confidenceInterval",
        "contiguous",
        "convnextBase",
        "convnextSmall",
        "convnextTiny",
        "countParameters",
        "createNetwork",
        "createRandom",
        "createResizer",
        "cut",
        "decodeImage",
        "densenet121",
        "densenet169",
        "densenet201",
        "efficientnetB0",
        "efficientnetB1",
        "efficientnetB2",
        "efficientnetB3",
        "efficientnetB4",
        "efficientnetB5",
        "efficientnetB6",
        "efficientnetB7",
        "efficientnetV2B0",
        "efficientnetV2B1",
        "efficientnetV2B2",
        "efficientnetV2B3",
        "efficientnetV2L",
        "efficientnetV2M",
        "efficientnetV2S",
        "encodeKerasModel",
        "featureNetwork",
        "foldRows",
        "h5wasm",
        "imageFolder",
        "imageList",
        "inceptionResNetV2",
        "inceptionV3",
        "inferShapes",
        "isCnnTransferError",
        "jsfive",
        "kerasH5",
        "loadBackboneWeights",
        "loadImage",
        "loadImages",
        "loadKeras",
        "meanSubtract",
        "mobilenet",
        "mobilenetV2",
        "mobilenetV3Large",
        "mobilenetV3Small",
        "nasnetMobile",
        "nearestRows",
        "onnx",
        "preprocessInput",
        "probabilityScores",
        "randomCrop",
        "randomWeights",
        "readKerasWeights",
        "resizeImage",
        "resnet101",
        "resnet101V2",
        "resnet152",
        "resnet152V2",
        "resnet50",
        "resnet50V2",
        "resolveBackbone",
        "saveKeras",
        "sizeOf",
        "splitRows",
        "squeezenet",
        "summary",
        "tenCrop",
        "tfjsCpu",
        "tfjsNode",
        "tfjsNodeGpu",
        "tfjsWasm",
        "toLayersModel",
        "toOnnx",
        "topConfusions",
        "topKAccuracy",
        "validateNetwork",
        "vgg16",
        "vgg19",
        "vggMini",
        "weightShapes",
        "writeImages",
        "xception",
      ]
    `);
  });

  test("holds these types", () => {
    expect(names(types)).toMatchInlineSnapshot(`
      [
        "AbortOptions",
        "Activation",
        "AddOptions",
        "AttributeValue",
        "AugmentOptions",
        "AutoBackend",
        "AutoOptions",
        "AutoTrainableBackend",
        "AutoTrainableOptions",
        "AverageScores",
        "Backbone",
        "BackboneName",
        "Backend",
        "BatchColumn",
        "BatchDType",
        "BatchOptions",
        "BlockShuffle",
        "Calibration",
        "CalibrationBin",
        "Choice",
        "ClassProbability",
        "ClassScores",
        "ClassWeight",
        "ClassificationReport",
        "CnnTransferErrors",
        "ColumnOptions",
        "ColumnValues",
        "CompileConfig",
        "Compression",
        "ConfidenceInterval",
        "ConfusedRow",
        "Confusion",
        "CreateNetworkOptions",
        "DType",
        "DatasetBatch",
        "DatasetParts",
        "DecodeOptions",
        "DownloadProgress",
        "EncodeModelOptions",
        "EpochLog",
        "ErrorContext",
        "Evaluation",
        "ExtractToOptions",
        "ExtractionPictureOptions",
        "ExtractionProgress",
        "ExtractionSummary",
        "FeatureBatch",
        "FeatureExtractorOptions",
        "FeatureNetwork",
        "FeatureNetworkOptions",
        "FeatureSink",
        "FeatureSinks",
        "FitBatch",
        "FitDataset",
        "FitDatasetOptions",
        "FitOptions",
        "Fold",
        "FoldableData",
        "GridScore",
        "GridSearch",
        "GridSearchOptions",
        "GridSearchProgress",
        "GridTable",
        "HDF5Attribute",
        "HDF5DType",
        "HDF5DatasetGeneratorOptions",
        "HDF5DatasetWriterOptions",
        "HDF5Engine",
        "HDF5Entry",
        "HDF5File",
        "HDF5Item",
        "HDF5Source",
        "HeadMetadata",
        "HeadShape",
        "Image",
        "ImageBatch",
        "ImageFolder",
        "ImageFolderOptions",
        "ImageInput",
        "ImageListOptions",
        "ImageSelection",
        "ImageSource",
        "ImageSplitOptions",
        "ImageTransform",
        "Interpolation",
        "KerasH5",
        "KerasH5Options",
        "KerasNetwork",
        "KerasNotes",
        "KerasSource",
        "Labels",
        "Layer",
        "LayerClassName",
        "LayerConfigs",
        "LayersLibrary",
        "LearningOptions",
        "LoadHeadOptions",
        "LoadImageOptions",
        "LoadImagesOptions",
        "LoadKerasOptions",
        "LoadLogisticOptions",
        "LoadOptions",
        "LoadedNetwork",
        "LoadedTfjsModel",
        "LogisticProgress",
        "LogisticRegressionOptions",
        "LogisticSolution",
        "LogisticSolverOptions",
        "Measurement",
        "MobileNetAlpha",
        "MobileNetV2Alpha",
        "MobileNetV3Alpha",
        "ModelNotes",
        "NdArray",
        "NearRow",
        "Network",
        "NetworkWeights",
        "OneHotBatch",
        "OneVersusRest",
        "OnnxOptions",
        "OptimizerConfig",
        "Padding",
        "PartOptions",
        "PassOptions",
        "Pooling",
        "Predictions",
        "PreprocessMode",
        "ProbabilityScores",
        "Random",
        "ResizeOptions",
        "Resizer",
        "RowDType",
        "RowShape",
        "RunningBackend",
        "SaveHeadOptions",
        "SaveKerasOptions",
        "SavedTfjsModel",
        "SearchableRows",
        "Shape",
        "Size2D",
        "SkippedBackend",
        "SkippedImage",
        "SourceImage",
        "Split",
        "SplitOptions",
        "StreamOptions",
        "TensorFactory",
        "TfjsNodeOptions",
        "ToOnnxOptions",
        "Topology",
        "TopologyOptions",
        "TrainableBackend",
        "TrainableNetwork",
        "TrainingBatch",
        "TrainingData",
        "TrainingNotes",
        "TrainingOptions",
        "TrainingProgress",
        "TransferHeadOptions",
        "TypedArrays",
        "Verification",
        "Weight",
        "WeightShape",
        "WeightsFile",
        "WeightsOptions",
        "WritableHDF5Engine",
        "WritableNetwork",
        "WriteImagesOptions",
        "WriteImagesProgress",
        "WriteImagesSummary",
        "WrittenImages",
      ]
    `);
  });

  test("is what the built module exports at run time", async () => {
    const built = (await import(join(consumer, "node_modules/cnn-transfer/dist/node/index.js"))) as object;
    expect(Object.keys(built).sort()).toEqual(names(values));
  });

  test("is the same in browsers", async () => {
    const built = (await import(join(consumer, "node_modules/cnn-transfer/dist/browser/index.js"))) as object;
    expect(Object.keys(built).sort()).toEqual(names(values));
  });
});

describe("the documentation in the code", () => {
  test("says of every export what it is for", () => {
    expect(symbols.filter(({ symbol }) => prose(symbol) === "").map(({ name }) => name)).toEqual([]);
  });

  test("says of every method of an exported class or seam what it does", () => {
    const silent = symbols
      .filter(({ name, symbol }) => symbol.flags & ts.SymbolFlags.Class || seams.includes(name))
      .flatMap(({ name, symbol }) => {
        const members = [...(symbol.members?.values() ?? []), ...(symbol.exports?.values() ?? [])];
        return members
          .filter((member) => member.flags & ts.SymbolFlags.Method && !member.name.startsWith("__@"))
          .filter((member) => prose(member) === "")
          .map((member) => `${name}.${member.name}`);
      });
    expect(silent).toEqual([]);
  });
});
