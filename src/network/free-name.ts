/** A name that no layer has yet: the wanted one, or that with a number behind it. It counts as taken then. */
export function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let i = 1; taken.has(name); i++) name = `${wanted}_${i}`;
  taken.add(name);
  return name;
}
