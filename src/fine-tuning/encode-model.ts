import type { CompileConfig } from "../keras/training-config.js";
import type { EncodeModelOptions } from "../keras/write-model.js";
import { writeFacts } from "./model-facts.js";
import type { ModelParts } from "./model-parts.js";
import { frozenLayers } from "./trained-layers.js";

/** What stands in a model's Keras file beside its layers and weights. */
export function kerasNotes(parts: ModelParts): EncodeModelOptions {
  const compile: CompileConfig = { loss: "categorical_crossentropy", optimizer: parts.optimizer };
  return {
    compile,
    l2: parts.l2,
    frozen: frozenLayers(parts.network, new Set(parts.trained)),
    classLabels: parts.classLabels,
    metadata: { ...parts.metadata, ...writeFacts(parts, parts.pictures) },
  };
}
