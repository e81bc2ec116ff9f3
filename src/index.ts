/**
 * Transfer learning without Python: a pretrained Keras CNN turns a folder of pictures into an HDF5 file of features, and
 * a head trained on batches streamed out of that file becomes a Keras model.
 *
 * @example
 * import { FeatureExtractor, HDF5DatasetGenerator, HDF5DatasetWriter, imageFolder, TransferHead } from "cnn-transfer";
 *
 * const images = await imageFolder("animals/"); // one folder per class
 * await using extractor = await FeatureExtractor.create({ backbone: "vgg16", pooling: "avg" });
 * await using writer = await HDF5DatasetWriter.create("animals.hdf5", {
 *   rows: images.length, rowShape: extractor.featureShape, classLabels: images.classLabels,
 * });
 * await extractor.extractTo(writer, images, { batchSize: 32, onProgress: console.log });
 * await writer.close();
 *
 * await using data = await HDF5DatasetGenerator.open("animals.hdf5", { batchSize: 32, shuffle: true, seed: 1 });
 * const { train, validation } = data.split({ validation: 0.25, stratify: true });
 * await using head = await TransferHead.create({
 *   inputShape: data.rowShape, classLabels: data.classLabels, hidden: [256], dropout: 0.5,
 * });
 * await head.fit(train, { epochs: 20, validation });
 * console.log((await head.evaluate(validation)).toString());
 * await head.save("my_model.h5"); // keras.models.load_model("my_model.h5")
 *
 * @packageDocumentation
 */

export type { Backbone, TopologyOptions, WeightsFile } from "./backbones/backbone.js";
export { convnextBase, convnextSmall, convnextTiny } from "./backbones/convnext.js";
export { type CreateNetworkOptions, createNetwork, type DownloadProgress } from "./backbones/create-network.js";
export { densenet121, densenet169, densenet201 } from "./backbones/densenet.js";
export {
  efficientnetB0,
  efficientnetB1,
  efficientnetB2,
  efficientnetB3,
  efficientnetB4,
  efficientnetB5,
  efficientnetB6,
  efficientnetB7,
} from "./backbones/efficientnet.js";
export {
  efficientnetV2B0,
  efficientnetV2B1,
  efficientnetV2B2,
  efficientnetV2B3,
  efficientnetV2L,
  efficientnetV2M,
  efficientnetV2S,
} from "./backbones/efficientnet-v2.js";
export { inceptionResNetV2 } from "./backbones/inception-resnet-v2.js";
export { inceptionV3 } from "./backbones/inception-v3.js";
export { loadBackboneWeights, type WeightsOptions } from "./backbones/load-weights.js";
export { type MobileNetAlpha, mobilenet } from "./backbones/mobilenet.js";
export { type MobileNetV2Alpha, mobilenetV2 } from "./backbones/mobilenet-v2.js";
export { type MobileNetV3Alpha, mobilenetV3Large, mobilenetV3Small } from "./backbones/mobilenet-v3.js";
export { nasnetMobile } from "./backbones/nasnet.js";
export { resnet50, resnet101, resnet152 } from "./backbones/resnet.js";
export { resnet50V2, resnet101V2, resnet152V2 } from "./backbones/resnet-v2.js";
export { type BackboneName, resolveBackbone } from "./backbones/resolve-backbone.js";
export { squeezenet } from "./backbones/squeezenet.js";
export { vgg16, vgg19 } from "./backbones/vgg.js";
export { vggMini } from "./backbones/vgg-mini.js";
export { xception } from "./backbones/xception.js";
export {
  type AutoBackend,
  type AutoOptions,
  type AutoTrainableBackend,
  type AutoTrainableOptions,
  auto,
  autoTrainable,
  type Choice,
  type SkippedBackend,
} from "./backends/auto.js";
export type { AbortOptions, Backend, LoadedNetwork, LoadOptions } from "./backends/backend.js";
export type { GradientBackend } from "./backends/gradient-backend.js";
export { type OnnxOptions, onnx } from "./backends/onnx/onnx.node.js";
export { type ToOnnxOptions, toOnnx } from "./backends/onnx/to-onnx.js";
export type {
  CalibrationOptions,
  Int8Calibration,
  QuantizationQuality,
  QuantizingBackend,
} from "./backends/quantizing-backend.js";
export type { RunningBackend } from "./backends/running-backend.js";
export { type LayersLibrary, toLayersModel } from "./backends/tfjs/layers-model.js";
export { tfjsCpu } from "./backends/tfjs/tfjs-cpu.js";
export { type TfjsNodeOptions, tfjsNode, tfjsNodeGpu } from "./backends/tfjs/tfjs-node.node.js";
export { tfjsWasm } from "./backends/tfjs/tfjs-wasm.node.js";
export { type TfjsWebgpuOptions, tfjsWebgpu } from "./backends/tfjs/tfjs-webgpu.node.js";
export type {
  GradientClipping,
  LayerTraining,
  LossName,
  OptimizerConfig,
  StepOptions,
  StepResult,
  TrainableBackend,
  TrainableNetwork,
  TrainingOptions,
  TrainingState,
} from "./backends/trainable-backend.js";
export * from "./errors.js";
export { type GradCam, type GradCamOptions, gradCam } from "./explain/grad-cam.js";
export { overlayHeatmap } from "./explain/overlay-heatmap.js";
export type { FeatureExtractorOptions } from "./extraction/extraction-model.js";
export type { ExtractionProgress } from "./extraction/extraction-progress.js";
export type { FeatureSink, FeatureSinks } from "./extraction/feature-sink.js";
export type { ExtractionPictureOptions } from "./extraction/picture-options.js";
export type { PrecisionOptions } from "./extraction/precision-options.js";
export {
  type ExtractionSummary,
  type ExtractToOptions,
  type FeatureBatch,
  FeatureExtractor,
  type StreamOptions,
} from "./feature-extractor.js";
export type { LayerPlace } from "./fine-tuning/trained-layers.js";
export {
  type TrainingImages,
  type TrainingImagesBatch,
  type TrainingImagesOptions,
  trainingImages,
} from "./fine-tuning/training-images.js";
export type {
  EvaluatePicturesOptions,
  FineTuningOptions,
  LabelledPictures,
  LoadModelOptions,
  ModelRateFinderOptions,
  PredictOptions,
  RateOptions,
  ReadyHead,
  TrainingPictureOptions,
  TransferFitOptions,
  TransferModelOptions,
  UnfreezeOptions,
} from "./fine-tuning/transfer-model-options.js";
export { autoEngine } from "./hdf5/auto-engine.js";
export type { Compression } from "./hdf5/compression.js";
export { contiguous } from "./hdf5/contiguous-engine.js";
export type { RowDType } from "./hdf5/convert-rows.js";
export type { AttributeValue } from "./hdf5/dataset-attributes.js";
export {
  type BatchColumn,
  type BatchDType,
  type BatchOptions,
  type BlockShuffle,
  type DatasetBatch,
  type DatasetParts,
  DatasetView,
  type OneHotBatch,
  type PartOptions,
  type PassOptions,
  type ResolvedBatchOptions,
} from "./hdf5/dataset-view.js";
export type {
  HDF5Attribute,
  HDF5DType,
  HDF5Engine,
  HDF5Entry,
  HDF5File,
  HDF5Item,
  HDF5Source,
  WritableHDF5Engine,
} from "./hdf5/engine.js";
export type { FitBatch, FitDataset, FitDatasetOptions, TensorFactory } from "./hdf5/fit-dataset.js";
export { h5wasm } from "./hdf5/h5wasm.node.js";
export { jsfive } from "./hdf5/jsfive.node.js";
export type { ColumnValues } from "./hdf5/row-column.js";
export type { Labels } from "./hdf5/row-labels.js";
export type { ColumnOptions } from "./hdf5/writer-settings.js";
export {
  HDF5DatasetGenerator,
  type HDF5DatasetGeneratorOptions,
  type Verification,
} from "./hdf5-dataset-generator.js";
export { type AddOptions, HDF5DatasetWriter, type HDF5DatasetWriterOptions } from "./hdf5-dataset-writer.js";
export { aspectAwareResize } from "./images/augment/aspect-aware-resize.js";
export { type AugmentOptions, augmentImages } from "./images/augment/augment-images.js";
export { randomCrop, tenCrop } from "./images/augment/crop.js";
export { flipViews } from "./images/augment/flip-views.js";
export type { Image, ImageTransform } from "./images/augment/image-transform.js";
export { meanSubtract } from "./images/augment/mean-subtract.js";
export { type DecodeOptions, decodeImage } from "./images/decode-image.js";
export type { DecodeMode } from "./images/fast-decoding.js";
export { type ImageFolder, type ImageFolderOptions, imageFolder } from "./images/image-folder.js";
export { type ImageListOptions, imageList } from "./images/image-list.js";
export type { ImageSelection } from "./images/image-selection.js";
export type { ImageInput, ImageSource, SourceImage } from "./images/image-source.js";
export { type LoadImageOptions, loadImage } from "./images/load-image.js";
export { type ImageBatch, type LoadImagesOptions, loadImages, type SkippedImage } from "./images/load-images.js";
export type { PictureColumns } from "./images/picture-columns.js";
export { type PreprocessMode, preprocessInput } from "./images/preprocess.js";
export { createResizer, type Interpolation, type ResizeOptions, type Resizer, resizeImage } from "./images/resize.js";
export { KNeighborsClassifier, type KNeighborsOptions, type LoadNeighborsOptions } from "./k-neighbors-classifier.js";
export type {
  ComposeLayer,
  CustomLayer,
  CustomLayers,
  LayerComposition,
  WeightSource,
} from "./keras/custom-layer.js";
export { fromLayersModel, type SavableLayersModel } from "./keras/from-layers-model.js";
export {
  type KerasH5,
  type KerasH5Options,
  kerasH5,
  type LoadedTfjsModel,
  type SavedTfjsModel,
} from "./keras/keras-h5.js";
export type { KerasSource } from "./keras/keras-source.js";
export { type KerasNetwork, type LoadKerasOptions, loadKeras } from "./keras/load-keras.js";
export type { KerasNotes } from "./keras/read-model.js";
export { readKerasWeights } from "./keras/read-weights.js";
export { type SaveKerasOptions, saveKeras } from "./keras/save-keras.js";
export type { CompileConfig } from "./keras/training-config.js";
export type { TrainingNotes } from "./keras/training-notes.js";
export {
  type EncodeModelOptions,
  encodeKerasModel,
  type ModelNotes,
  type WritableNetwork,
} from "./keras/write-model.js";
export { type GridSearch, type LoadLogisticOptions, LogisticRegression } from "./logistic-regression.js";
export {
  type MergeShardsOptions,
  type MergeShardsProgress,
  type MergeShardsSummary,
  mergeShards,
} from "./merge-shards.js";
export { type DType, type NdArray, type Shape, sizeOf, type TypedArrays } from "./ndarray.js";
export { type LoadCentroidOptions, NearestCentroid, type NearestCentroidOptions } from "./nearest-centroid.js";
export { cut } from "./network/cut.js";
export {
  type FeatureNetwork,
  type FeatureNetworkOptions,
  featureNetwork,
  type Pooling,
} from "./network/feature-network.js";
export type { Activation, Layer, LayerClassName, LayerConfigs, Padding, Size2D } from "./network/layer.js";
export type { RowShape } from "./network/layer-shape.js";
export type { Network, NetworkWeights, Topology, Weight } from "./network/network.js";
export { randomWeights } from "./network/random-weights.js";
export { inferShapes } from "./network/shapes.js";
export { countParameters, summary } from "./network/summary.js";
export { validateNetwork } from "./network/validate.js";
export { type WeightShape, weightShapes } from "./network/weight-shapes.js";
export { createRandom, type Random } from "./random.js";
export { type FeatureMap, type FeatureMapOptions, featureMap } from "./report/feature-map.js";
export { plotCalibration } from "./report/plot-calibration.js";
export { plotClassScores } from "./report/plot-class-scores.js";
export { plotConfusionMatrix } from "./report/plot-confusion-matrix.js";
export { plotFeatureMap } from "./report/plot-feature-map.js";
export { type PlotOptions, plotHistory } from "./report/plot-history.js";
export { type CaptionedPicture, plotPictures } from "./report/plot-pictures.js";
export { svgToPNG } from "./report/rasterize.node.js";
export { reportHTML } from "./report/report-html.js";
export type { RunReport } from "./report/run-report.js";
export { type Thumbnail, thumbnail } from "./report/thumbnail.js";
export { type WriteReportOptions, writeReport } from "./report/write-report.js";
export { type Shard, shardPath, shardPaths } from "./shards/shard.js";
export { type ShardFromEnvironmentOptions, shardFromEnvironment } from "./shards/shard-from-environment.js";
export { type ImageShard, shardOf } from "./shards/shard-of.js";
export { type Calibration, type CalibrationBin, calibration } from "./training/calibration.js";
export type { CheckpointOptions } from "./training/checkpoint-file.js";
export {
  type AverageScores,
  type ClassificationReport,
  type ClassScores,
  classificationReport,
} from "./training/classification-report.js";
export type { ClassifyOptions, ClassProbability } from "./training/classify-rows.js";
export { type ConfidenceInterval, confidenceInterval } from "./training/confidence-interval.js";
export type { EarlyStoppingOptions } from "./training/early-stopping.js";
export type { Evaluation, Measurement } from "./training/evaluate.js";
export type {
  EvaluateOptions,
  MultiLabelEvaluation,
  RegressionEvaluation,
  RowPredictions,
  TaskEvaluations,
} from "./training/evaluate-head.js";
export type { FitOptions, RunningTraining, SaveBestOptions, TrainingCallback } from "./training/fit-options.js";
export { type Fold, foldRows } from "./training/folds.js";
export type { HeadShape } from "./training/head-network.js";
export type {
  HeadMetadata,
  LearningOptions,
  LoadHeadOptions,
  NetworkHeadOptions,
  SaveHeadOptions,
  TransferHeadOptions,
} from "./training/head-options.js";
export type { EpochFigure, EpochLog, TrainingProgress } from "./training/history.js";
export type { HistoryFileOptions } from "./training/history-file.js";
export type {
  LearningRateFinderOptions,
  LearningRateTable,
  LearningRateTrial,
} from "./training/learning-rate-finder.js";
export type { ClassWeight } from "./training/logistic/class-weight.js";
export type {
  FoldableData,
  GridScore,
  GridSearchOptions,
  GridSearchProgress,
  GridTable,
} from "./training/logistic/grid-search.js";
export type {
  LogisticProgress,
  LogisticRegressionOptions,
  LogisticSolution,
  LogisticSolverOptions,
} from "./training/logistic/logistic-options.js";
export type { MonitorOptions } from "./training/monitor.js";
export { type MultiLabelReport, multiLabelReport } from "./training/multi-label-report.js";
export { type NearRow, nearestRows, type SearchableRows } from "./training/nearest-rows.js";
export type { OptimizerOptions } from "./training/optimizer-options.js";
export { type PredictViewsOptions, predictViews, type ViewPredictions } from "./training/predict-views.js";
export type { Predictions } from "./training/predictions.js";
export { type PrincipalComponents, principalComponents } from "./training/principal-components.js";
export {
  type OneVersusRest,
  type ProbabilityScores,
  probabilityScores,
  topKAccuracy,
} from "./training/probability-scores.js";
export type { PlateauOptions } from "./training/reduce-on-plateau.js";
export { type RegressionReport, type RegressionScores, regressionReport } from "./training/regression-report.js";
export type { RowWeightOptions } from "./training/row-weights.js";
export {
  cosineDecay,
  exponentialDecay,
  type LearningRateSchedule,
  oneCycle,
  type SchedulePlace,
  stepDecay,
} from "./training/schedules.js";
export { type Split, type SplitOptions, splitRows } from "./training/split.js";
export type { Task } from "./training/target.js";
export { type ConfusedRow, type Confusion, topConfusions } from "./training/top-confusions.js";
export type { TrainingBatch, TrainingData } from "./training/training-data.js";
export { TransferHead } from "./transfer-head.js";
export { TransferModel } from "./transfer-model.js";
export {
  type ImageSplitOptions,
  type WriteImagesOptions,
  type WriteImagesProgress,
  type WriteImagesSummary,
  type WrittenImages,
  writeImages,
} from "./write-images.js";
