import type { EncodeModelOptions } from "../keras/write-model.js";
import { taskRules } from "../training/target.js";
import { writeFacts } from "./model-facts.js";
import type { ModelParts } from "./model-parts.js";
import { frozenLayers } from "./trained-layers.js";

/** What stands in a model's Keras file beside its layers and weights. */
export function kerasNotes(parts: ModelParts): EncodeModelOptions {
  const { loss, labelSmoothing, optimizer, clipping, l1, l2 } = parts.training;
  return {
    compile: { loss, labelSmoothing, optimizer, clipping, metrics: [taskRules(parts.task).kerasMetric] },
    l1,
    l2,
    frozen: frozenLayers(parts.network, new Set(parts.trained)),
    classLabels: parts.classLabels,
    metadata: { ...parts.metadata, ...writeFacts(parts, parts.pictures) },
  };
}
