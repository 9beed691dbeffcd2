import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import world from 'world-atlas/countries-110m.json';
import { format } from '../format';
import { texts } from './pageTexts';

const topology = world as unknown as Topology<{ countries: GeometryCollection<{ name: string }> }>;
const lands = feature(topology, topology.objects.countries).features;

// Degrees are used as coordinates, x to the east and y to the south, so no projection library is needed. A shape that crosses the date
// line continues beyond the edge of the map. It is drawn again one map width to the west and to the east.
function ring(points: number[][]): string {
  let turns = 0;
  const xs = points.map(([x], n) => {
    const step = n === 0 ? 0 : x! - points[n - 1]![0]!;
    if (Math.abs(step) > 180) turns -= Math.sign(step);
    return x! + 180 + 360 * turns;
  });
  const at = (offset: number) =>
    xs.map((x, n) => `${n ? 'L' : 'M'}${(x + offset).toFixed(1)} ${(90 - points[n]![1]!).toFixed(1)}`).join('') + 'Z';
  return xs.some((x) => x < 0 || x > 360) ? at(-360) + at(0) + at(360) : at(0);
}

/** The middle of a country: of its largest part. */
function middle(geometry: (typeof lands)[number]['geometry']): [number, number] | undefined {
  const rings =
    geometry.type === 'Polygon'
      ? [geometry.coordinates[0]!]
      : geometry.type === 'MultiPolygon'
        ? geometry.coordinates.map(([outer]) => outer!)
        : [];
  let [largest, at]: [number, [number, number] | undefined] = [0, undefined];
  for (const points of rings) {
    let [area, x, y] = [0, 0, 0];
    for (const [n, [x1, y1]] of points.slice(0, -1).entries()) {
      const [x2, y2] = points[n + 1]!;
      const cross = x1! * y2! - x2! * y1!;
      area += cross;
      x += (x1! + x2!) * cross;
      y += (y1! + y2!) * cross;
    }
    if (Math.abs(area) > largest) [largest, at] = [Math.abs(area), [x / (3 * area), y / (3 * area)]];
  }
  return at;
}

function path(geometry: (typeof lands)[number]['geometry']): string {
  if (geometry.type === 'Polygon') return geometry.coordinates.map(ring).join('');
  return geometry.type === 'MultiPolygon' ? geometry.coordinates.flat().map(ring).join('') : '';
}

// The atlas uses other names for some countries.
const short = new Intl.DisplayNames('en', { type: 'region' });
const other: Record<string, string> = {
  US: 'United States of America',
  BA: 'Bosnia and Herz.',
  CD: 'Dem. Rep. Congo',
  DO: 'Dominican Rep.',
  TR: 'Turkey',
  CZ: 'Czechia',
  CI: "Côte d'Ivoire",
  MM: 'Myanmar',
};

export type Point = { latitude: number; longitude: number; name: string };

/**
 * A map that marks these towns with a dot, and the middle of these countries, whose towns are unknown, with a ring. Small countries that
 * the atlas lacks are only in the label and in the table beside the map.
 */
export default function WorldMap({ points, countries }: { points: Point[]; countries: string[] }) {
  const names = new Set(countries.map((code) => other[code] ?? short.of(code)));
  const label = [...points.map((point) => point.name), ...countries.map(format.country)].join('; ');
  return (
    <svg className="map" viewBox="0 0 360 180" role="img" aria-label={`${texts.alert.map}: ${label}`}>
      {lands.map((land) => (
        <path key={land.id ?? land.properties.name} className="land" d={path(land.geometry)} />
      ))}
      {lands.map((land) => {
        const at = names.has(land.properties.name) && middle(land.geometry);
        return (
          at && (
            <circle key={land.properties.name} className="country" cx={at[0] + 180} cy={90 - at[1]} r="5">
              <title>{land.properties.name}</title>
            </circle>
          )
        );
      })}
      {points.map((point) => (
        <circle key={point.name} className="town" cx={point.longitude + 180} cy={90 - point.latitude} r="3">
          <title>{point.name}</title>
        </circle>
      ))}
    </svg>
  );
}
