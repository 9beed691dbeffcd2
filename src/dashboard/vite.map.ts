import { readFileSync } from 'node:fs';
import { merge, mesh } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import type { Plugin } from 'vite';

type Countries = Topology<{ countries: GeometryCollection<{ name: string }> }>;
type Point = [number, number];

/** The map is shown with about one pixel per degree. */
const unitsPerDegree = 2;

// The atlas uses other names for some countries.
const otherNames: Record<string, string> = {
  US: 'United States of America',
  BA: 'Bosnia and Herz.',
  CD: 'Dem. Rep. Congo',
  DO: 'Dominican Rep.',
  TR: 'Turkey',
  CZ: 'Czechia',
  CI: "Côte d'Ivoire",
  MM: 'Myanmar',
};

/**
 * Draws the world when the pages are built, so that no page loads the atlas: the paths of `virtual:world-map` have whole units, half a
 * degree each. Degrees are used as coordinates, x to the east and y to the south, so no projection is needed.
 */
export const worldMap = (): Plugin => ({
  name: 'world-map',
  resolveId: (id) => (id === 'virtual:world-map' ? `\0${id}` : undefined),
  load(id) {
    if (id !== '\0virtual:world-map') return;
    const file = new URL('./node_modules/world-atlas/countries-110m.json', import.meta.url);
    const atlas = JSON.parse(readFileSync(file, 'utf8')) as Countries;
    const { countries } = atlas.objects;
    const land = merge(atlas, countries.geometries as Parameters<typeof merge>[1]);
    const borders = mesh(atlas, countries, (one, other) => one !== other);
    const rings = land.coordinates.flat() as Point[][];
    const lines = borders.coordinates as Point[][];
    const values = {
      land: rings.map((points) => path(points, true)).join(''),
      borders: lines.map((points) => path(points, false)).join(''),
      middles: middlesOf(atlas),
    };
    return Object.entries(values)
      .map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};`)
      .join('\n');
  },
});

/**
 * A line that crosses the date line continues beyond the edge of the map. It is drawn again one map width to the west and to the east.
 * Points that fall together or are on one line are left out, and so is an island of fewer than three.
 */
function path(points: Point[], isClosed: boolean): string {
  let turns = 0;
  const units = points.map(([x, y], n): Point => {
    const step = n === 0 ? 0 : x - points[n - 1]![0];
    if (Math.abs(step) > 180) turns -= Math.sign(step);
    return [Math.round((x + 180 + 360 * turns) * unitsPerDegree), Math.round((90 - y) * unitsPerDegree)];
  });
  const shown = units.filter((point, n) => n === 0 || String(point) !== String(units[n - 1]));
  if (shown.length < (isClosed ? 4 : 2)) return '';
  const steps = shown.slice(1).map(([x, y], n): Point => [x - shown[n]![0], y - shown[n]![1]]);
  const straight = steps.reduce<Point[]>((line, [x, y]) => {
    const last = line.at(-1);
    const isSame = last && last[0] * y === last[1] * x && last[0] * x + last[1] * y > 0;
    return isSame ? [...line.slice(0, -1), [last[0] + x, last[1] + y]] : [...line, [x, y]];
  }, []);
  const [[left, top]] = shown as [Point];
  const drawn = `l${straight.map(([x, y]) => `${x} ${y}`).join(' ')}${isClosed ? 'Z' : ''}`.replaceAll(' -', '-');
  const at = (offset: number) => `M${left + offset} ${top}${drawn}`;
  const width = 360 * unitsPerDegree;
  return shown.some(([x]) => x < 0 || x > width) ? at(-width) + at(0) + at(width) : at(0);
}

/** The middle of each country's largest part, on a map of 360 to 180, by the code of the country. */
function middlesOf(atlas: Countries): Record<string, Point> {
  const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
  // Without former codes, such as DD for DE.
  const codes = letters
    .flatMap((first) => letters.map((second) => first + second))
    .filter((code) => new Intl.Locale('und', { region: code }).region === code);
  const codeOf = new Map(codes.map((code) => [otherNames[code] ?? names.of(code), code]));
  return Object.fromEntries(
    atlas.objects.countries.geometries.flatMap((country) => {
      const code = codeOf.get(country.properties!.name);
      const parts = merge(atlas, [country] as Parameters<typeof merge>[1]).coordinates as Point[][][];
      const [largest] = parts.map(([outer]) => areaAndMiddle(outer!)).sort((a, b) => b.area - a.area);
      return code && largest ? [[code, largest.middle]] : [];
    }),
  );
}

function areaAndMiddle(points: Point[]): { area: number; middle: Point } {
  let [area, x, y] = [0, 0, 0];
  for (const [n, [x1, y1]] of points.slice(0, -1).entries()) {
    const [x2, y2] = points[n + 1]!;
    const cross = x1 * y2 - x2 * y1;
    area += cross;
    x += (x1 + x2) * cross;
    y += (y1 + y2) * cross;
  }
  return { area: Math.abs(area), middle: [Math.round(x / (3 * area) + 180), Math.round(90 - y / (3 * area))] };
}
