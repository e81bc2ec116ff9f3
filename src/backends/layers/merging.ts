import type { MergingConfigs } from "../../network/layers/merging.js";
import type { BinaryOperation, Operations } from "../operations.js";
import { type Application, axisOf, type Evaluators } from "./evaluator.js";

export const mergingEvaluators: Evaluators<MergingConfigs> = {
  Concatenate: ({ operations, layer, inputs }) =>
    operations.concatenate(inputs, axisOf(layer.config.axis, operations.rank(inputs[0]))),
  Add: (application) => merged("add", application),
  Subtract: (application) => merged("subtract", application),
  Multiply: (application) => merged("multiply", application),
  Maximum: (application) => merged("maximum", application),
  Minimum: (application) => merged("minimum", application),
  Average(application) {
    const { operations: o, inputs } = application;
    return o.binary("divide", merged("add", application), o.constant([inputs.length], []));
  },
  CustomScaleLayer({ operations: o, layer, inputs }) {
    const [first, second] = alike(o, inputs) as [(typeof inputs)[0], (typeof inputs)[0]];
    return o.binary("add", first, o.binary("multiply", second, o.constant([layer.config.scale], [])));
  },
};

function merged<V>(operation: BinaryOperation, { operations, inputs }: Application<V, keyof MergingConfigs>): V {
  const [first, ...others] = alike(operations, inputs);
  if (others.length === 0) return operations.identity(first);
  return others.reduce((result, other) => operations.binary(operation, result, other), first);
}

/** The values with equally many axes; ones that are missing come after the batch. */
function alike<V>(operations: Operations<V>, inputs: readonly [V, ...V[]]): readonly [V, ...V[]] {
  const rank = Math.max(...inputs.map((input) => operations.rank(input)));
  return inputs.map((input) => {
    const missing = rank - operations.rank(input);
    if (missing === 0) return input;
    return operations.expandDims(
      input,
      Array.from({ length: missing }, (_, axis) => axis + 1),
    );
  }) as unknown as readonly [V, ...V[]];
}
