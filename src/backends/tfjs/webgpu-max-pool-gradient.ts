import type { backend_util, KernelFunc, TensorInfo } from "@tensorflow/tfjs-core";
import type { Tfjs } from "./shared-tfjs.js";

const mark = Symbol.for("cnn-transfer.webgpu-max-pool-gradient");
const workgroupSize = 64;

/** A program of tfjs's WebGPU backend, as far as it is used. */
interface Program {
  readonly outputShape: readonly number[];
  readonly variableNames: readonly string[];
  readonly uniforms: string;
  readonly shaderKey: string;
  readonly workgroupSize: readonly [number, number, number];
  readonly dispatchLayout: { readonly x: readonly number[] };
  /** Workgroups along each axis; tfjs writes here what the device can do. */
  dispatch: readonly [number, number, number];
  /** Whether the shader is told how many values the result has. */
  readonly size: boolean;
  getUserCode(): string;
}

/** What of tfjs's WebGPU backend runs programs. */
interface ProgramRunner {
  runWebGPUProgram(
    program: Program,
    inputs: readonly TensorInfo[],
    dtype: "float32",
    uniforms: ReadonlyArray<{ readonly type: "int32"; readonly data: readonly number[] }>,
  ): TensorInfo;
}

/**
 * Replaces the gradient of max pooling of tfjs's WebGPU backend, for the whole process: the stock one gives a window's gradient
 * to the last of several equal greatest values, and TensorFlow to the first. Does nothing when it has been done.
 */
export function registerWebgpuMaxPoolGradient(tf: Tfjs): void {
  const stock = tf.getKernel("MaxPoolGrad", "webgpu");
  if (stock === undefined || mark in stock.kernelFunc) return;
  const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) => {
    const { dy, input } = inputs as unknown as Readonly<Record<"dy" | "input", TensorInfo>>;
    const { filterSize, strides, pad, dimRoundingMode } = attrs as never;
    const shape = input.shape as [number, number, number, number];
    const window = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
    const runner = backend as unknown as ProgramRunner;
    return runner.runWebGPUProgram(gradientProgram(shape), [input, dy], "float32", windowUniforms(window));
  };
  Object.assign(kernelFunc, { [mark]: true });
  tf.unregisterKernel("MaxPoolGrad", "webgpu");
  tf.registerKernel({ ...stock, kernelFunc });
}

function windowUniforms(window: backend_util.Conv2DInfo) {
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = window;
  return [
    { type: "int32", data: [filterHeight, filterWidth] },
    { type: "int32", data: [strideHeight, strideWidth] },
    { type: "int32", data: [padInfo.top, padInfo.left] },
  ] as const;
}

/** One thread for each value of the image: it takes the gradient of every window of which it is the first greatest. */
function gradientProgram(shape: readonly number[]): Program {
  const count = shape.reduce((product, length) => product * length, 1);
  return {
    outputShape: shape,
    variableNames: ["x", "dy"],
    uniforms: "window : vec2<i32>, strides : vec2<i32>, before : vec2<i32>,",
    shaderKey: "cnnTransferMaxPoolGradient",
    workgroupSize: [workgroupSize, 1, 1],
    dispatchLayout: { x: shape.map((_, axis) => axis) },
    dispatch: [Math.ceil(count / workgroupSize), 1, 1],
    size: true,
    getUserCode: () => shader,
  };
}

// `getX`, `getDy`, `getCoordsFromIndex` and `setOutputAtIndex` come from tfjs, which puts them before this.
const shader = `
fn isFirstGreatest(batch : i32, place : vec2<i32>, channel : i32, start : vec2<i32>) -> bool {
  let own = getX(batch, place.x, place.y, channel);
  let first = max(start, vec2<i32>(0, 0));
  let end = min(start + uniforms.window, uniforms.xShape.yz);
  for (var row = first.x; row < end.x; row = row + 1) {
    for (var column = first.y; column < end.y; column = column + 1) {
      let other = getX(batch, row, column, channel);
      let earlier = row < place.x || (row == place.x && column < place.y);
      if (other > own || (earlier && other == own)) {
        return false;
      }
    }
  }
  return true;
}

fn main(index : i32) {
  if (index < uniforms.size) {
    let coords = getCoordsFromIndex(index);
    let place = coords.yz;
    var sum = 0.0;
    for (var i = 0; i < uniforms.window.x; i = i + 1) {
      for (var j = 0; j < uniforms.window.y; j = j + 1) {
        let start = place - vec2<i32>(i, j);
        let stepped = start + uniforms.before;
        let output = stepped / uniforms.strides;
        if (all(stepped >= vec2<i32>(0, 0)) && all(output * uniforms.strides == stepped) && all(output < uniforms.dyShape.yz)) {
          if (isFirstGreatest(coords.x, place, coords.w, start)) {
            sum = sum + getDy(coords.x, output.x, output.y, coords.w);
          }
        }
      }
    }
    setOutputAtIndex(index, sum);
  }
}
`;
