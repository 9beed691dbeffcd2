import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import world from 'world-atlas/countries-110m.json';
import { format } from '../format';
import { texts } from '../texts';

const topology = world as unknown as Topology<{ countries: GeometryCollection<{ name: string }> }>;
const lands = feature(topology, topology.objects.countries).features;

// Degrees as they are, x to the east, y to the south: enough to say where, and no library. What crosses the date line goes on beyond
// the edge, and is drawn once more a world further west and east.
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

// The atlas names some countries shortly: Dem. Rep. Congo, Czechia, United States of America.
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

/** Countries on a map whose outlines are in the bundle; small ones that it leaves out are in the list beside it. */
export default function WorldMap({ countries }: { countries: string[] }) {
  const names = new Set(countries.map((code) => other[code] ?? short.of(code)));
  return (
    <svg className="map" viewBox="0 0 360 180" role="img" aria-label={`${texts.alert.map}: ${countries.map(format.country).join(', ')}`}>
      {lands.map((land) => (
        <path
          key={land.id ?? land.properties.name}
          className={names.has(land.properties.name) ? 'land hit' : 'land'}
          d={path(land.geometry)}
        />
      ))}
    </svg>
  );
}
