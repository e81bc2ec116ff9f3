import { f32x4, i32, increase, repeat, sequence, type WasmFunction, writeFunction } from "./wasm-code.js";

/**
 * `adam`: one step of Adam over `bytes`, a multiple of 16 above 0, of weights.
 * Parameters: value, momentum, velocity, gradient, next value, next momentum, next velocity, bytes;
 * 1 - beta1, 1 - beta2, epsilon, step size, decay.
 */
export function adamCode(): WasmFunction {
  const arrays = ["i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;
  const numbers = ["f32", "f32", "f32", "f32", "f32"] as const;
  return writeFunction("adam", [...arrays, "i32", ...numbers], (parameters, local) => {
    const [value, momentum, velocity, gradient, nextValue, nextMomentum, nextVelocity, bytes, ...scalars] =
      parameters as never as readonly [L, L, L, L, L, L, L, L, L, L, L, L, L];
    const wide = scalars.map(() => local("v128"));
    const [share1, share2, epsilon, stepSize, decay] = wide as never as readonly [L, L, L, L, L];
    const [at, g, m, v, w] = [local("i32"), local("v128"), local("v128"), local("v128"), local("v128")];
    const address = (array: L) => i32.add(array.get, at.get);
    const { add, subtract, multiply, divide, squareRoot, load, store } = f32x4;
    const moved = (running: L, current: readonly number[], share: L) =>
      add(running.get, multiply(subtract(current, running.get), share.get));
    return sequence(
      ...wide.map((each, index) => each.set(f32x4.splat((scalars[index] as L).get))),
      repeat(
        sequence(
          g.set(load(address(gradient))),
          m.set(load(address(momentum))),
          v.set(load(address(velocity))),
          w.set(load(address(value))),
          m.set(moved(m, g.get, share1)),
          v.set(moved(v, multiply(g.get, g.get), share2)),
          store(address(nextMomentum), m.get),
          store(address(nextVelocity), v.get),
          store(
            address(nextValue),
            subtract(
              subtract(w.get, multiply(w.get, decay.get)),
              divide(multiply(m.get, stepSize.get), add(squareRoot(v.get), epsilon.get)),
            ),
          ),
          increase(at, 16),
        ),
        i32.less(at.get, bytes.get),
      ),
    );
  });
}

type L = import("./wasm-code.js").Local;
