/** Values of an SVG element's attributes; one that is undefined is left out. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/**
 * Colours of series and classes: hues of M. Okabe and K. Ito, "Color Universal Design" (2008), which colour-blind people
 * tell apart, in a middle brightness that stands out from white and from black.
 */
export const palette = ["#2f7dbf", "#d5602b", "#139a76", "#b667a0", "#c08a10", "#4aa5d8", "#7d8590"] as const;

/** What is right and what is wrong, wherever the two stand side by side. */
export const rightColor = "#1f6fb5";
export const wrongColor = "#cf5a22";

const fonts = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Noto Sans','DejaVu Sans',Arial,sans-serif";

/** One style for all pictures, so that several in one page do not disturb each other. */
const style =
  `.ct{font-family:${fonts};font-variant-numeric:tabular-nums}` +
  ".ct-paper{fill:#ffffff}.ct-ink{fill:#1c2330}.ct-soft{fill:#596273}.ct-line{stroke:#1c2330}" +
  ".ct-grid{stroke:#e2e6ec}.ct-axis{stroke:#97a0ae}.ct-band{fill:#f3f5f8}.ct-halo{stroke:#ffffff}" +
  "@media (prefers-color-scheme:dark){" +
  ".ct-paper{fill:#161a21}.ct-ink{fill:#e9ecf1}.ct-soft{fill:#a3acba}.ct-line{stroke:#e9ecf1}" +
  ".ct-grid{stroke:#2b323d}.ct-axis{stroke:#6b7584}.ct-band{fill:#1e242d}.ct-halo{stroke:#161a21}}" +
  "@media print{.ct-paper{fill:#ffffff}.ct-ink{fill:#1c2330}.ct-soft{fill:#596273}.ct-line{stroke:#1c2330}" +
  ".ct-grid{stroke:#e2e6ec}.ct-axis{stroke:#97a0ae}.ct-band{fill:#f3f5f8}.ct-halo{stroke:#ffffff}}";

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML cannot hold.
const notInXML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]|\p{Surrogate}/gu;
/** Characters that turn the direction of the text around them, by which a name can look like another. */
const directions = /[\u202a-\u202e\u2066-\u2069\u200e\u200f]/g;

/**
 * Text as the content or a quoted attribute of an XML or HTML element. Names of files and classes come from anywhere:
 * what would be markup is escaped, and what XML cannot hold, or what turns the direction of text, becomes U+FFFD.
 */
export function escapeMarkup(text: string): string {
  return text
    .replace(notInXML, "\ufffd")
    .replace(directions, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** An element; its children are markup already. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  let start = name;
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    start += ` ${key}="${typeof value === "number" ? shortNumber(value) : escapeMarkup(value)}"`;
  }
  return children.length === 0 ? `<${start}/>` : `<${start}>${children.join("")}</${name}>`;
}

/** Text at a place; `x` and `y` are those of its baseline. */
export function textAt(x: number, y: number, content: string, attributes: Attributes = {}): string {
  return element("text", { x, y, class: "ct-ink", "font-size": 12, ...attributes }, escapeMarkup(content));
}

/** What a browser shows while the pointer rests on the element around it, and a screen reader says. */
export function tooltip(content: string): string {
  return `<title>${escapeMarkup(content)}</title>`;
}

/** A whole picture on paper of its own, which is light or dark as its reader likes. */
export function svgDocument(
  size: { readonly width: number; readonly height: number },
  description: string,
  ...children: readonly string[]
): string {
  const { width, height } = size;
  return element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      class: "ct",
      role: "img",
      "aria-label": description,
      width,
      height,
      viewBox: `0 0 ${shortNumber(width)} ${shortNumber(height)}`,
    },
    `<style>${style}</style>`,
    element("rect", { class: "ct-paper", width, height, rx: 8 }),
    ...children,
  );
}

/** The heading of a picture, at its top left; nothing for an empty title. */
export function heading(title: string): string {
  return title === "" ? "" : textAt(20, 30, title, { "font-size": 16, "font-weight": 600 });
}

/** What is left out of a picture, in small letters below the heading. */
export function subheading(text: string, title: string): string {
  return textAt(20, title === "" ? 20 : 50, text, { class: "ct-soft", "font-size": 12 });
}

/** Room that the heading takes. */
export function headingHeight(title: string): number {
  return title === "" ? 12 : 46;
}

/** About how wide a text is, in pixels: nothing here can measure a font. */
export function textWidth(text: string, fontSize: number): number {
  let width = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0x1100) width += 1;
    else if ("iljtf.,:;|!'() []".includes(character)) width += 0.34;
    else if ("mwMW@%".includes(character)) width += 0.88;
    else width += code >= 0x41 && code <= 0x5a ? 0.68 : 0.57;
  }
  return width * fontSize;
}

/** A text no wider than `width`: its middle is left out, as names of files differ at both ends. */
export function shorten(text: string, width: number, fontSize: number): string {
  if (textWidth(text, fontSize) <= width) return text;
  const characters = [...text];
  for (let keep = characters.length - 1; keep > 1; keep--) {
    const tail = Math.floor(keep / 2);
    const short = `${characters.slice(0, keep - tail).join("")}…${characters.slice(characters.length - tail).join("")}`;
    if (textWidth(short, fontSize) <= width) return short;
  }
  return "…";
}

/** A coordinate with no more digits than a screen shows. */
export function shortNumber(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** 0.9375 as "93.8 %", on one line. */
export function percent(part: number, digits = 1): string {
  return Number.isFinite(part) ? `${(100 * part).toFixed(digits)}\u00a0%` : "–";
}
