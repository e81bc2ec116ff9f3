/** Up to three names that differ from `wanted` by few letters, or in case only; the closest first. */
export function closestNames(wanted: string, names: readonly string[]): readonly string[] {
  const limit = Math.max(1, Math.floor(wanted.length / 4));
  return names
    .map((name) => ({ name, distance: editDistance(wanted.toLowerCase(), name.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** Up to three names that are a part of `wanted`, or have it as a part, such as `validation` of `validation_data`. */
export function relatedNames(wanted: string, names: readonly string[]): readonly string[] {
  const plain = (name: string): string => name.replaceAll("_", "").toLowerCase();
  const asked = plain(wanted);
  // Shorter words are in others by chance.
  const isPart = (part: string, whole: string): boolean => part.length >= 4 && whole.includes(part);
  return names.filter((name) => isPart(plain(name), asked) || isPart(asked, plain(name))).slice(0, 3);
}

/** Least number of letters to insert, delete or replace to make one word of the other (Levenshtein's distance). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
