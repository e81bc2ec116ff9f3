import type { ResizingInterpolation } from "../../network/layers/resizing.js";

/** What a pixel weighs at some distance from a place, and how far it reaches. */
interface Kernel {
  readonly radius: number;
  readonly weight: (distance: number) => number;
}

/** Cubic convolution of R. Keys with a = -0.5. */
const cubic: Kernel = {
  radius: 2,
  weight(x) {
    if (x >= 2) return 0;
    return x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : (1.5 * x - 2.5) * x * x + 1;
  },
};

function lanczos(radius: number): Kernel {
  return {
    radius,
    weight(x) {
      if (x > radius) return 0;
      if (x <= 1e-3) return 1;
      return (radius * Math.sin(Math.PI * x) * Math.sin((Math.PI * x) / radius)) / (Math.PI * Math.PI * x * x);
    },
  };
}

const kernels: Readonly<Record<ResizingInterpolation, Kernel>> = {
  nearest: { radius: 0.5, weight: () => 1 },
  bilinear: { radius: 1, weight: (x) => Math.max(0, 1 - x) },
  bicubic: cubic,
  lanczos3: lanczos(3),
  lanczos5: lanczos(5),
};

/** Steps into which TensorFlow's `resize_bicubic` divides a pixel. */
const cubicSteps = 1024;

/**
 * What each of `to` pixels of an axis takes of its `from` pixels, `[to, from]` in row-major order. The pixels' centres
 * stand at halves; what lies outside the image weighs nothing, and the others' weights come to 1.
 *
 * Source: TensorFlow's `resize_bicubic` (bicubic without `antialias`), else `scale_and_translate`.
 */
export function resamplingMatrix(
  from: number,
  to: number,
  interpolation: ResizingInterpolation,
  antialias: boolean,
): number[] {
  const kernel = kernels[interpolation];
  const inverse = from / to;
  const widening = antialias ? Math.max(inverse, 1) : 1;
  const isStepped = interpolation === "bicubic" && !antialias;
  const matrix = new Array<number>(to * from).fill(0);
  for (let row = 0; row < to; row++) {
    const center = (row + 0.5) * inverse;
    const place = isStepped ? stepped(center) : center;
    const first = Math.max(0, Math.ceil(center - kernel.radius * widening - 0.5));
    const last = Math.min(from - 1, Math.floor(center + kernel.radius * widening - 0.5));
    let total = 0;
    for (let column = first; column <= last; column++) {
      const weight = kernel.weight(Math.abs(column + 0.5 - place) / widening);
      matrix[row * from + column] = weight;
      total += weight;
    }
    for (let column = first; column <= last; column++) {
      matrix[row * from + column] = (matrix[row * from + column] as number) / total;
    }
  }
  return matrix;
}

/** A place in whole steps from the centre of the pixel before it. */
function stepped(center: number): number {
  const before = Math.floor(center - 0.5);
  return before + 0.5 + Math.round((center - 0.5 - before) * cubicSteps) / cubicSteps;
}
