import type { RegularizationConfigs } from "../../network/layers/regularization.js";
import type { Evaluators } from "./evaluator.js";

export const regularizationEvaluators: Evaluators<RegularizationConfigs> = {
  Dropout: ({ operations, layer: { config }, inputs: [x] }) =>
    operations.perturb(x, { kind: "dropout", rate: config.rate, per: "value" }),
  SpatialDropout1D: ({ operations, layer: { config }, inputs: [x] }) =>
    operations.perturb(x, { kind: "dropout", rate: config.rate, per: "channel" }),
  SpatialDropout2D: ({ operations, layer: { config }, inputs: [x] }) =>
    operations.perturb(x, { kind: "dropout", rate: config.rate, per: "channel" }),
  GaussianDropout: ({ operations, layer: { config }, inputs: [x] }) =>
    operations.perturb(x, { kind: "gaussianDropout", rate: config.rate }),
  AlphaDropout: ({ operations, layer: { config }, inputs: [x] }) =>
    operations.perturb(x, { kind: "alphaDropout", rate: config.rate }),
  GaussianNoise: ({ operations, layer: { config }, inputs: [x] }) =>
    operations.perturb(x, { kind: "gaussianNoise", stddev: config.stddev }),
  // While training it adds to the loss; the value stays.
  ActivityRegularization: ({ operations, inputs: [x] }) => operations.identity(x),
  StochasticDepth: ({ operations, layer: { config }, inputs: [x] }) =>
    operations.perturb(x, { kind: "dropout", rate: config.dropPathRate, per: "row" }),
};
