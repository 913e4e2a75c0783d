// Colours of services and lanes: the same name has the same colour in every view.

/** Hues in the order in which collisions are resolved: neighbours differ well. */
const HUES = Array.from({ length: 24 }, (_, slot) => (slot * 15 + 200) % 360);

function hash(text: string): number {
  let value = 2166136261;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 16777619);
  }
  return value >>> 0;
}

const given = new Map<string, number>();
const taken = new Set<number>();

/** The hue of a name in degrees. The first 24 names get distinct ones. */
export function hue(name: string): number {
  let slot = given.get(name);
  if (slot === undefined) {
    slot = hash(name) % HUES.length;
    if (taken.size < HUES.length) while (taken.has(slot)) slot = (slot + 7) % HUES.length;
    taken.add(slot);
    given.set(name, slot);
  }
  return HUES[slot]!;
}

/** For canvases; elements set `--hue` and leave the rest to the style sheet. */
export const serviceColour = (name: string, dark: boolean) =>
  dark ? `hsl(${hue(name)} 48% 60%)` : `hsl(${hue(name)} 52% 47%)`;

const LANE_HUES = [265, 25, 330, 95, 190, 50, 300, 150];

/** The hue of a lane; the baseline has none and is grey. */
export function laneHue(lane: string): number | undefined {
  return lane === 'base' ? undefined : LANE_HUES[hash(lane) % LANE_HUES.length];
}

export interface Palette {
  text: string;
  muted: string;
  line: string;
  grid: string;
  surface: string;
  accent: string;
  error: string;
  warn: string;
}

/** The style sheet's colours, for canvases. */
export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: value('--text'), muted: value('--muted'), line: value('--line'), grid: value('--grid'),
    surface: value('--surface'), accent: value('--accent'), error: value('--error'), warn: value('--warn'),
  };
}
