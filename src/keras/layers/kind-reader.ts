import type { LayerClassName, LayerConfigs } from "../../network/layer.js";
import type { ConfigReader } from "../config-reader.js";

/** What a file says that settings of its layers depend on. */
export interface KerasDialect {
  /** Whether Keras 1 or 2 wrote it, in which `hard_sigmoid` is another function. */
  readonly keras2: boolean;
  /** Whether a Keras before 3.16 wrote it, in which `sparsemax` is another function. */
  readonly before316: boolean;
}

/** For each kind of a family, how its settings are read from those of a Keras file. */
export type KindReaders<Configs> = {
  readonly [C in keyof Configs & LayerClassName]: (read: ConfigReader, dialect: KerasDialect) => LayerConfigs[C];
};
