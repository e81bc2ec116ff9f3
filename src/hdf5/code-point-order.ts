/** Sorts as Python sorts strings: by code point, which UTF-8 order equals. */
export function sortByCodePoint(names: readonly string[]): string[] {
  return [...names].sort((a, b) => {
    const left = [...a];
    const right = [...b];
    for (let i = 0; i < Math.min(left.length, right.length); i++) {
      const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
      if (difference !== 0) return difference;
    }
    return left.length - right.length;
  });
}
