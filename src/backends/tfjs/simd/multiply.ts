import type { SimdKernels, WasmHeap } from "./simd-kernels.js";

/** A matrix in the heap. Strides are in numbers, and one of them is 1. */
export interface HeapMatrix {
  /** Its first byte. */
  readonly address: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** Sizes of a product `[rows, depth] x [depth, columns]`. */
export interface ProductSize {
  readonly rows: number;
  readonly depth: number;
  readonly columns: number;
}

// What assembly/matrix-product.ts multiplies at a time.
const tileRows = 4;
const panelColumns = 8;
// So that a packed block of the right matrix (512 kB) stays in the second cache and one of the left (32 kB) in the first.
const blockDepth = 256;
const blockColumns = 512;
const blockNumbers = 8192;
const mostRows = 256;

/** Numbers that {@link multiplyInHeap} needs as its workspace. */
export function workspaceNumbers({ rows, depth, columns }: ProductSize): number {
  const [height, width] = [
    Math.min(roundUp(rows, tileRows), mostRows),
    Math.min(roundUp(columns, panelColumns), blockColumns),
  ];
  const deep = Math.min(depth, blockDepth);
  return height * deep + deep * width + height * width;
}

/**
 * A matrix product. Both matrices are packed in blocks that fit the caches, whichever way their numbers lie, so that an
 * operand that is read transposed or that was never seen before costs no more than another.
 *
 * Method: K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34 (3), 2008.
 *
 * @param product address of the result, row by row
 * @param workspace address of {@link workspaceNumbers} numbers
 * @param adds whether to add to what is there; it is overwritten otherwise
 */
export function multiplyInHeap(
  kernels: SimdKernels,
  left: HeapMatrix,
  right: HeapMatrix,
  product: number,
  size: ProductSize,
  workspace: number,
  adds = false,
): void {
  const { rows, depth, columns } = size;
  const numbers = new Float32Array(kernels.memory.buffer);
  const leftLines: Lines = { address: left.address, between: left.rowStride, within: left.columnStride };
  const rightLines: Lines = { address: right.address, between: right.columnStride, within: right.rowStride };
  for (let k = 0; k < depth; k += blockDepth) {
    const deep = Math.min(blockDepth, depth - k);
    const height = Math.max(tileRows, Math.min(mostRows, Math.floor(blockNumbers / deep / tileRows) * tileRows));
    for (let column = 0; column < columns; column += blockColumns) {
      const wide = Math.min(blockColumns, columns - column);
      const paddedWide = roundUp(wide, panelColumns);
      const packedLeft = workspace + 4 * deep * paddedWide;
      pack(kernels, numbers, rightLines, [column, wide], [k, deep], panelColumns, workspace);
      for (let row = 0; row < rows; row += height) {
        const high = Math.min(height, rows - row);
        const paddedHigh = roundUp(high, tileRows);
        pack(kernels, numbers, leftLines, [row, high], [k, deep], tileRows, packedLeft);
        const target = product + 4 * (row * columns + column);
        if (high === paddedHigh && wide === paddedWide) {
          kernels.multiply(packedLeft, workspace, target, high, wide, deep, 4 * columns, adds || k > 0 ? 1 : 0);
          continue;
        }
        const whole = packedLeft + 4 * deep * paddedHigh;
        kernels.multiply(packedLeft, workspace, whole, paddedHigh, paddedWide, deep, 4 * paddedWide, 0);
        takeCorner(numbers, whole / 4, paddedWide, target / 4, columns, [high, wide], adds || k > 0);
      }
    }
  }
}

/** A matrix as lines that are packed side by side: rows of a left one, columns of a right one. Strides in numbers. */
interface Lines {
  readonly address: number;
  readonly between: number;
  readonly within: number;
}

/** Packs so many lines from one on, and of each so many numbers, into panels; the last one is filled up with zeros. */
function pack(
  kernels: SimdKernels,
  numbers: Float32Array,
  { address, between, within }: Lines,
  [line, lines]: readonly [number, number],
  [depth, deep]: readonly [number, number],
  width: 4 | 8,
  to: number,
): void {
  const from = address + 4 * (line * between + depth * within);
  const panelBytes = 4 * width * deep;
  const fullLines = lines - (lines % width);
  const along = between === 1;
  const fullDeep = along ? deep : deep - (deep % 4);
  if (fullLines > 0 && fullDeep > 0) {
    const packLines = along
      ? width === 4
        ? kernels.packAlong4
        : kernels.packAlong8
      : width === 4
        ? kernels.packAcross4
        : kernels.packAcross8;
    packLines(from, to, fullLines, fullDeep, 4 * (along ? within : between), panelBytes);
  }
  for (let first = 0; first < lines; first += width) {
    for (let k = first < fullLines ? fullDeep : 0; k < deep; k++) {
      for (let i = 0; i < width; i++) {
        const inside = first + i < lines;
        const at = from / 4 + (first + i) * between + k * within;
        numbers[to / 4 + first * deep + k * width + i] = inside ? (numbers[at] as number) : 0;
      }
    }
  }
}

/** Copies the first rows and columns of a matrix to another place, or adds them to what is there. */
function takeCorner(
  numbers: Float32Array,
  from: number,
  fromStride: number,
  to: number,
  toStride: number,
  [rows, columns]: readonly [number, number],
  adds: boolean,
): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const target = to + row * toStride + column;
      const value = numbers[from + row * fromStride + column] as number;
      numbers[target] = adds ? (numbers[target] as number) + value : value;
    }
  }
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Does work with a workspace of so many numbers in the heap, and frees it. */
export function withWorkspace(heap: WasmHeap, numbers: number, work: (address: number) => void): void {
  const { dataId } = heap.makeOutput([numbers], "float32");
  try {
    work(heap.getMemoryOffset(dataId));
  } finally {
    heap.disposeData(dataId);
  }
}
