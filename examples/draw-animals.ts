/**
 * A data set for people who have no pictures at hand: cartoon cats, dogs and pandas with random poses, faces, colours
 * and backgrounds, drawn as SVG and stored as JPEG files, one folder per class.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createRandom, type Random } from "cnn-transfer";
import sharp from "sharp";

/** The animals that can be drawn. */
export const animals = ["cat", "dog", "panda"] as const;
/** One of {@link animals}. */
export type Animal = (typeof animals)[number];

type Coat = { readonly fur: string; readonly light: string; readonly mark: string };

const coats: Record<Animal, readonly Coat[]> = {
  cat: [
    { fur: "#f0a04b", light: "#fde3c0", mark: "#c9752a" },
    { fur: "#8d97a5", light: "#dfe4ea", mark: "#5f6875" },
    { fur: "#4a4651", light: "#8b8692", mark: "#2f2c35" },
    { fur: "#f3ead9", light: "#ffffff", mark: "#c9b694" },
    { fur: "#b98c68", light: "#f1dcc6", mark: "#7f5a3c" },
  ],
  dog: [
    { fur: "#9a6336", light: "#e8c9a0", mark: "#6b4020" },
    { fur: "#e3b767", light: "#fbeac6", mark: "#b98736" },
    { fur: "#f4efe6", light: "#ffffff", mark: "#8a5a33" },
    { fur: "#54453d", light: "#c89b6c", mark: "#2e2521" },
    { fur: "#b9b2aa", light: "#efebe6", mark: "#6d6761" },
  ],
  panda: [
    { fur: "#fbfaf6", light: "#ffffff", mark: "#23232b" },
    { fur: "#f1ece2", light: "#fbf8f2", mark: "#2e2b30" },
    { fur: "#f7f4f4", light: "#ffffff", mark: "#3a302c" },
  ],
};

const skies = ["#bfe3f5", "#fde6c8", "#d9d2f0", "#cdeccd", "#f7cfd4", "#9fc6dd", "#fff3b8", "#3c4a78"];
const grounds = ["#8cc084", "#d9b382", "#b9a7c9", "#e0cfb4", "#7fa8a0", "#c98f78", "#eef2f4", "#6f9a5b"];
const ribbons = ["#d94f4f", "#3f7fbf", "#f2b632", "#55a868", "#8e5ea2"];

/** A number that is as likely anywhere between two bounds, to one decimal place. */
function between(random: Random, low: number, high: number): number {
  return Math.round((low + random.double() * (high - low)) * 10) / 10;
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.integerBelow(items.length)] as T;
}

function chance(random: Random, probability: number): boolean {
  return random.double() < probability;
}

function background(random: Random): string {
  const sky = pick(random, skies);
  const ground = pick(random, grounds);
  const horizon = between(random, 165, 225);
  const shapes = [`<rect width="320" height="320" fill="${sky}"/>`];
  const scene = random.integerBelow(4);
  if (scene === 0) {
    shapes.push(
      `<circle cx="${between(random, 30, 290)}" cy="${between(random, 30, 80)}" r="${between(random, 16, 34)}" fill="#fff8d6"/>`,
    );
    for (let hill = 0; hill < 3; hill++) {
      const middle = between(random, 0, 320);
      shapes.push(
        `<ellipse cx="${middle}" cy="${horizon + 20}" rx="${between(random, 70, 150)}" ry="${between(random, 20, 75)}" fill="${ground}" opacity="0.55"/>`,
      );
    }
  } else if (scene === 1) {
    const step = between(random, 24, 46);
    for (let x = 0; x < 320; x += step) {
      shapes.push(`<rect x="${x}" width="${step / 2}" height="320" fill="#ffffff" opacity="0.3"/>`);
    }
  } else if (scene === 2) {
    for (let dot = 0; dot < 45; dot++) {
      shapes.push(
        `<circle cx="${between(random, 0, 320)}" cy="${between(random, 0, 320)}" r="${between(random, 2, 7)}" fill="#ffffff" opacity="0.5"/>`,
      );
    }
  } else {
    const left = between(random, 20, 200);
    shapes.push(
      `<rect x="${left}" y="25" width="95" height="95" rx="4" fill="#eaf6ff" stroke="#ffffff" stroke-width="7"/>`,
      `<path d="M${left + 47.5} 25v95M${left} 72h95" stroke="#ffffff" stroke-width="5"/>`,
    );
  }
  shapes.push(`<rect y="${horizon}" width="320" height="${320 - horizon}" fill="${ground}"/>`);
  for (let tuft = 0; tuft < (scene === 3 ? 0 : 14); tuft++) {
    const x = between(random, 0, 320);
    const y = between(random, horizon + 10, 318);
    shapes.push(
      `<path d="M${x} ${y}q4 -9 2 -13M${x + 4} ${y}q3 -6 7 -9" stroke="#00000030" fill="none" stroke-width="2"/>`,
    );
  }
  return shapes.join("");
}

/** Two eyes that look somewhere, or are shut; cats have slits. */
function eyes(random: Random, animal: Animal, apart: number, y: number): string {
  if (chance(random, 0.15)) {
    return [-apart, apart]
      .map(
        (x) =>
          `<path d="M${x - 8} ${y}q8 ${between(random, 5, 9)} 16 0" stroke="${animal === "panda" ? "#f5f0ea" : "#222222"}" stroke-width="3" fill="none"/>`,
      )
      .join("");
  }
  const lookX = between(random, -2.5, 2.5);
  const lookY = between(random, -2, 2);
  const size = between(random, 7.5, 10);
  const iris = animal === "cat" ? pick(random, ["#9bd15a", "#e8c23a", "#6fb9e0"]) : "#ffffff";
  const pupil = animal === "cat" ? 0.38 : 0.68;
  return [-apart, apart]
    .map(
      (x) =>
        `<ellipse cx="${x}" cy="${y}" rx="${size}" ry="${size}" fill="${iris}" stroke="#2a2626" stroke-width="1.6"/>` +
        `<ellipse cx="${x + lookX}" cy="${y + lookY}" rx="${size * pupil}" ry="${size * 0.78}" fill="#1c1a1c"/>` +
        `<circle cx="${x + lookX - 2}" cy="${y + lookY - 3}" r="2.1" fill="#ffffff"/>`,
    )
    .join("");
}

function catHead(random: Random, coat: Coat): string {
  const tip = between(random, 70, 84);
  const spread = between(random, 40, 50);
  const parts: string[] = [];
  for (const side of [-1, 1]) {
    parts.push(
      `<path d="M${side * 14} -42L${side * spread} ${-tip}L${side * 55} -12Z" fill="${coat.fur}" stroke="${coat.fur}" stroke-width="6" stroke-linejoin="round"/>`,
      `<path d="M${side * 24} -44L${side * (spread - 3)} ${-tip + 12}L${side * 49} -22Z" fill="#f3a9ad"/>`,
    );
  }
  parts.push(
    `<ellipse rx="${between(random, 56, 62)}" ry="${between(random, 46, 51)}" fill="${coat.fur}"/>`,
    `<ellipse cx="-14" cy="20" rx="21" ry="16" fill="${coat.light}"/><ellipse cx="14" cy="20" rx="21" ry="16" fill="${coat.light}"/>`,
  );
  if (chance(random, 0.7)) {
    parts.push(
      `<path d="M-14 -46v17M0 -48v20M14 -46v17M-56 4h13M56 4h-13M-54 14h11M54 14h-11" stroke="${coat.mark}" stroke-width="6" stroke-linecap="round"/>`,
    );
  }
  parts.push(
    eyes(random, "cat", between(random, 22, 27), -6),
    `<path d="M-6 10h12l-6 7z" fill="#e5737f" stroke="#b74e5c" stroke-linejoin="round" stroke-width="2"/>`,
    `<path d="M0 17v5q-8 9 -15 2M0 22q8 9 15 2" fill="none" stroke="#3a2f2f" stroke-width="2.4" stroke-linecap="round"/>`,
  );
  const droop = between(random, -6, 6);
  for (const side of [-1, 1]) {
    parts.push(
      `<path d="M${side * 24} 16L${side * 74} ${8 + droop}M${side * 24} 21L${side * 76} ${21 + droop}M${side * 24} 26L${side * 72} ${34 + droop}" stroke="#fdfdfd" stroke-width="1.8"/>`,
    );
  }
  return parts.join("");
}

function dogHead(random: Random, coat: Coat): string {
  const length = between(random, 34, 46);
  const lift = between(random, -14, 14);
  const ears = [-1, 1]
    .map(
      (side) =>
        `<g transform="rotate(${side * (-16 - lift)} ${side * 44} -30)"><ellipse cx="${side * 52}" cy="${-30 + length * 0.75}" rx="19" ry="${length}" fill="${coat.mark}"/></g>`,
    )
    .join("");
  const parts = [`<ellipse rx="${between(random, 50, 55)}" ry="${between(random, 50, 56)}" fill="${coat.fur}"/>`];
  if (chance(random, 0.5)) {
    parts.push(`<ellipse cx="${pick(random, [-21, 21])}" cy="-10" rx="20" ry="23" fill="${coat.mark}"/>`);
  } else {
    parts.push(`<path d="M-9 -52Q0 -10 0 4Q0 -10 9 -52Z" fill="${coat.light}"/>`);
  }
  if (chance(random, 0.65)) {
    parts.push(
      `<path d="M-10 40q0 ${between(random, 26, 36)} 10 ${between(random, 26, 36)}q10 0 10 -30z" fill="#f0788c"/>`,
      `<path d="M0 44v14" stroke="#cf5670" stroke-width="2"/>`,
    );
  }
  parts.push(
    `<ellipse cy="24" rx="${between(random, 29, 34)}" ry="${between(random, 22, 26)}" fill="${coat.light}"/>`,
    eyes(random, "dog", between(random, 19, 23), -10),
    `<ellipse cy="11" rx="13" ry="9.5" fill="#241f20"/><ellipse cx="-4" cy="8" rx="4" ry="2.4" fill="#8d8688"/>`,
    `<path d="M0 20v10q-11 12 -22 2M0 30q11 12 22 2" fill="none" stroke="#3a2f2f" stroke-width="3" stroke-linecap="round"/>`,
  );
  return chance(random, 0.7) ? parts.join("") + ears : ears + parts.join("");
}

function pandaHead(random: Random, coat: Coat): string {
  const ear = between(random, 17, 22);
  const turn = between(random, 18, 40);
  const parts: string[] = [];
  for (const side of [-1, 1]) parts.push(`<circle cx="${side * 44}" cy="-42" r="${ear}" fill="${coat.mark}"/>`);
  parts.push(`<ellipse rx="${between(random, 59, 65)}" ry="${between(random, 51, 56)}" fill="${coat.fur}"/>`);
  for (const side of [-1, 1]) {
    parts.push(
      `<ellipse cx="${side * 25}" cy="-3" rx="16" ry="21" fill="${coat.mark}" transform="rotate(${side * turn} ${side * 25} -3)"/>`,
    );
  }
  parts.push(
    eyes(random, "panda", 23, -6),
    `<ellipse cy="18" rx="9" ry="6.5" fill="${coat.mark}"/>`,
    `<path d="M0 24v5q-7 8 -13 2M0 29q7 8 13 2" fill="none" stroke="${coat.mark}" stroke-width="2.6" stroke-linecap="round"/>`,
    `<circle cx="-40" cy="22" r="9" fill="#f6b3b8" opacity="0.55"/><circle cx="40" cy="22" r="9" fill="#f6b3b8" opacity="0.55"/>`,
  );
  return parts.join("");
}

const heads = { cat: catHead, dog: dogHead, panda: pandaHead };

/** A sitting body below a head that is at the origin. */
function body(random: Random, animal: Animal, coat: Coat): string {
  const legs = animal === "panda" ? coat.mark : coat.fur;
  const width = animal === "panda" ? between(random, 60, 68) : between(random, 44, 54);
  const swing = between(random, -25, 25);
  const parts: string[] = [];
  if (animal === "cat") {
    parts.push(
      `<path d="M38 118q56 ${-10 + swing} 38 ${-66 + swing}q-5 -18 9 -24" fill="none" stroke="${coat.fur}" stroke-width="15" stroke-linecap="round"/>`,
    );
  } else if (animal === "dog") {
    parts.push(
      `<path d="M40 118q34 -6 42 ${-34 + swing}" fill="none" stroke="${coat.mark}" stroke-width="17" stroke-linecap="round"/>`,
    );
  }
  parts.push(
    `<ellipse cy="92" rx="${width}" ry="58" fill="${coat.fur}"/>`,
    animal === "panda"
      ? `<path d="M${-width + 3} 72Q0 4 ${width - 3} 72Q0 98 ${-width + 3} 72Z" fill="${coat.mark}"/>`
      : `<ellipse cy="98" rx="${width * 0.58}" ry="45" fill="${coat.light}"/>`,
  );
  if (animal === "dog" && chance(random, 0.4)) {
    parts.push(
      `<ellipse cx="${between(random, -30, 30)}" cy="${between(random, 70, 110)}" rx="15" ry="12" fill="${coat.mark}"/>`,
    );
  }
  for (const side of [-1, 1]) {
    const out = between(random, 0, 12);
    parts.push(
      `<ellipse cx="${side * (width - 12)}" cy="138" rx="26" ry="15" fill="${legs}"/>`,
      `<ellipse cx="${side * (width - 12)}" cy="139" rx="12" ry="8" fill="${animal === "panda" ? "#77707a" : coat.light}"/>`,
      `<rect x="${side * (22 + out) - 11}" y="76" width="22" height="68" rx="11" fill="${legs}" transform="rotate(${side * -out} ${side * 22} 80)"/>`,
    );
  }
  return parts.join("");
}

function extras(random: Random, animal: Animal): string {
  if (animal === "panda") {
    if (chance(random, 0.45)) return "";
    const x = pick(random, [-1, 1]) * between(random, 44, 66);
    const lean = between(random, -16, 16);
    return (
      `<g transform="translate(${x} 84) rotate(${lean})"><rect x="-4.5" y="-62" width="9" height="124" rx="3" fill="#79b04c"/>` +
      `<path d="M-4.5 -22h9M-4.5 16h9" stroke="#4d7d2c" stroke-width="3"/>` +
      `<path d="M4 -40q22 -16 32 -4q-18 10 -32 4M-4 -8q-22 -16 -32 -4q18 10 32 4" fill="#5d9a3a"/></g>`
    );
  }
  const ribbon = pick(random, ribbons);
  const kind = random.integerBelow(3);
  if (kind === 0) return "";
  const collar = `<path d="M-36 42Q0 62 36 42" fill="none" stroke="${ribbon}" stroke-width="9" stroke-linecap="round"/>`;
  return kind === 1
    ? `${collar}<circle cy="58" r="7.5" fill="#f7d154" stroke="#b8922a" stroke-width="2"/>`
    : `${collar}<path d="M0 54l-20 -11v24zM0 54l20 -11v24z" fill="${ribbon}"/><circle cy="54" r="5" fill="#ffffff"/>`;
}

/**
 * Draws one animal.
 *
 * @returns an SVG document of 320 by 320 units
 */
export function drawAnimal(animal: Animal, random: Random): string {
  const coat = pick(random, coats[animal]);
  const scale = between(random, 0.78, 1.3);
  const flip = pick(random, [-1, 1]);
  const x = between(random, 118, 202);
  const y = between(random, 108, 158);
  const scenery = background(random);
  const trunk = body(random, animal, coat);
  const head = `<g transform="translate(${between(random, -9, 9)} ${between(random, -5, 6)}) rotate(${between(random, -19, 19)})">${heads[animal](random, coat)}</g>`;
  const dressing = extras(random, animal);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="320" viewBox="0 0 320 320">${scenery}` +
    `<g transform="translate(${x} ${y}) scale(${flip * scale} ${scale}) rotate(${between(random, -7, 7)})">` +
    `<ellipse cy="150" rx="88" ry="13" fill="#00000026"/>${trunk}` +
    `${animal === "panda" ? head + dressing : dressing.length > 0 ? dressing + head : head}</g></svg>`
  );
}

/**
 * Draws `count` pictures of each animal into `folder/cats`, `folder/dogs` and `folder/pandas`.
 * The same seed draws the same pictures. Files of these names are replaced, and others left alone.
 */
export async function drawAnimals(folder: string, count: number, seed: number): Promise<void> {
  const random = createRandom(seed);
  for (const animal of animals) {
    const classFolder = join(folder, `${animal}s`);
    await mkdir(classFolder, { recursive: true });
    for (let number = 1; number <= count; number++) {
      const svg = drawAnimal(animal, random);
      const file = join(classFolder, `drawn-${animal}-${String(number).padStart(3, "0")}.jpg`);
      await sharp(Buffer.from(svg)).jpeg({ quality: 88 }).toFile(file);
    }
  }
}
