/**
 * Orders strings by code point, as Python's `sorted` does: `"10" < "2"`, `"Z" < "a"`. JavaScript's own `<` compares
 * UTF-16 units, which differs for characters above U+FFFF; `localeCompare` differs for nearly everything.
 */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const unitA = a.charCodeAt(index);
    const unitB = b.charCodeAt(index);
    if (unitA !== unitB) return rank(unitA) - rank(unitB);
  }
  return a.length - b.length;
}

/** Surrogates stand for characters above all others, so they rank above U+E000..U+FFFF. */
function rank(unit: number): number {
  if (unit >= 0xe000) return unit - 0x800;
  return unit >= 0xd800 ? unit + 0x2000 : unit;
}
