import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import world from 'world-atlas/countries-110m.json';
import { format } from '../format';
import { texts } from '../texts';

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
 * A map that marks these towns, and these countries, whose towns are unknown. Small countries that the atlas lacks are only in the label
 * and in the table beside the map.
 */
export default function WorldMap({ points, countries }: { points: Point[]; countries: string[] }) {
  const names = new Set(countries.map((code) => other[code] ?? short.of(code)));
  const label = [...points.map((point) => point.name), ...countries.map(format.country)].join('; ');
  return (
    <svg className="map" viewBox="0 0 360 180" role="img" aria-label={`${texts.alert.map}: ${label}`}>
      {lands.map((land) => (
        <path
          key={land.id ?? land.properties.name}
          className={names.has(land.properties.name) ? 'land hit' : 'land'}
          d={path(land.geometry)}
        />
      ))}
      {points.map((point) => (
        <circle key={point.name} className="town" cx={point.longitude + 180} cy={90 - point.latitude} r="3">
          <title>{point.name}</title>
        </circle>
      ))}
    </svg>
  );
}
