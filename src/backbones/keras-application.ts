import type { PreprocessMode } from "../images/preprocess.js";
import type { Backbone, TopologyOptions, WeightsFile } from "./backbone.js";
import { GraphBuilder } from "./graph-builder.js";
import { checkImageSize } from "./image-size.js";

/** What makes a network of `keras.applications`. */
export interface KerasApplication {
  /** Name of the function in `keras.applications`, in lower case. */
  readonly name: string;
  /** Keras's name of the model. Default: `name`. */
  readonly modelName?: string | ((imageSize: TopologyOptions["imageSize"]) => string);
  /** Height and width that it was trained with. */
  readonly size: number;
  /** Default 32. */
  readonly minimumSize?: number;
  readonly preprocess: PreprocessMode;
  /** Layer whose values are its features. */
  readonly layer: string;
  /** Adds all layers behind the input and gives the name of the last. */
  build(graph: GraphBuilder, includeTop: boolean): string;
  weightsFile(options: TopologyOptions): WeightsFile | undefined;
}

/** A backbone of `keras.applications`. */
export function kerasApplication(application: KerasApplication): Backbone {
  const { name, modelName = name, size, minimumSize = 32, preprocess, layer, build, weightsFile } = application;
  const sizes = { name, imageSize: [size, size], minimumSize } as const;
  return {
    ...sizes,
    preprocess,
    layer,
    topology: ({ includeTop, imageSize }) => {
      const checked = checkImageSize(sizes, imageSize);
      const graph = new GraphBuilder(checked);
      const output = build(graph, includeTop);
      return graph.topology(typeof modelName === "string" ? modelName : modelName(checked), output);
    },
    weightsFile,
  };
}

/** Classes of ImageNet. */
const classes = 1000;

/** The classifier that most networks end in: the average of each channel, then a dense layer with softmax. */
export function averageClassifier(graph: GraphBuilder, from: string, averageName?: string): string {
  const average = graph.globalAveragePooling2D(from, averageName === undefined ? {} : { name: averageName });
  return graph.dense(average, classes, { activation: "softmax", name: "predictions" });
}
