import { createRandom, type Random } from "../../../src/random.js";

/** A file with some damage, which follows from its number alone. */
export interface Mutant {
  readonly what: string;
  /** Damaged in one place only, so that whoever refuses anything has met this damage. */
  readonly single: boolean;
  /** Which of the files was damaged. */
  readonly origin: number;
  readonly bytes: Uint8Array;
}

/** Numbers that programs which trust a file stumble over. */
const traps = [
  0n,
  1n,
  2n,
  7n,
  0x7fn,
  0xffn,
  0xffffn,
  0x7fff_ffffn,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x1f_ffff_ffff_ffffn,
  0x20_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_fffen,
  0xffff_ffff_ffff_ffffn,
];

/** Makes mutant `number` of some files: flipped bits, replaced numbers, cut ends, heads of one file before another's rest. */
export function makeMutant(number: number, files: readonly Uint8Array[]): Mutant {
  const random = createRandom(number);
  const origin = random.integerBelow(files.length);
  const bytes = (files[origin] as Uint8Array).slice();
  const view = new DataView(bytes.buffer);
  const kind = random.double();
  if (kind < 0.35) {
    const flips = 1 + random.integerBelow(random.double() < 0.5 ? 1 : 8);
    const places: number[] = [];
    for (let i = 0; i < flips; i++) {
      const place = somewhere(random, bytes);
      places.push(place);
      bytes[place] = (bytes[place] as number) ^ (1 << random.integerBelow(8));
    }
    return { what: `bits flipped at ${places}`, single: flips === 1, origin, bytes };
  }
  if (kind < 0.7) {
    const width = [1, 2, 4, 8][random.integerBelow(4)] as 1 | 2 | 4 | 8;
    const place = Math.min(somewhere(random, bytes), bytes.length - width);
    const value = BigInt.asUintN(width * 8, traps[random.integerBelow(traps.length)] as bigint);
    for (let i = 0; i < width; i++) view.setUint8(place + i, Number((value >> BigInt(8 * i)) & 0xffn));
    return { what: `${width} bytes at ${place} set to ${value}`, single: true, origin, bytes };
  }
  if (kind < 0.8) {
    const length = random.integerBelow(random.double() < 0.3 ? 200 : bytes.length);
    return { what: `cut to ${length} bytes`, single: true, origin, bytes: bytes.slice(0, length) };
  }
  if (kind < 0.9) {
    const other = files[random.integerBelow(files.length)] as Uint8Array;
    const place = random.integerBelow(Math.min(other.length, bytes.length));
    const spliced = bytes.slice();
    spliced.set(other.subarray(0, place));
    return { what: `${place} bytes of another file's head`, single: false, origin, bytes: spliced };
  }
  const length = 1 + random.integerBelow(600);
  const from = random.integerBelow(Math.max(1, bytes.length - length));
  const to = random.integerBelow(Math.max(1, bytes.length - length));
  bytes.copyWithin(to, from, from + length);
  return { what: `${length} bytes at ${from} copied to ${to}`, single: false, origin, bytes };
}

/** A place that is more likely to mean something: most often not one of the many zeros of a file. */
function somewhere(random: Random, bytes: Uint8Array): number {
  const within = random.double() < 0.7 ? Math.min(bytes.length, 6000) : bytes.length;
  let place = random.integerBelow(within);
  for (let tries = 0; tries < 20 && bytes[place] === 0; tries++) place = random.integerBelow(within);
  return place;
}
