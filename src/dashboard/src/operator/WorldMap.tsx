import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import world from 'world-atlas/countries-110m.json';
import { format } from '../format';
import { texts } from '../texts';

const topology = world as unknown as Topology<{ countries: GeometryCollection<{ name: string }> }>;
const lands = feature(topology, topology.objects.countries).features;

// Degrees as they are, x to the east, y to the south: enough to say where, and no library.
const ring = (points: number[][]) => points.map(([x, y], n) => `${n ? 'L' : 'M'}${(x! + 180).toFixed(1)} ${(90 - y!).toFixed(1)}`).join('') + 'Z';

function path(geometry: (typeof lands)[number]['geometry']): string {
  if (geometry.type === 'Polygon') return geometry.coordinates.map(ring).join('');
  return geometry.type === 'MultiPolygon' ? geometry.coordinates.flat().map(ring).join('') : '';
}

// The atlas names some countries shortly: Dem. Rep. Congo, Czechia, United States of America.
const short = new Intl.DisplayNames('en', { type: 'region' });
const other: Record<string, string> = { US: 'United States of America', BA: 'Bosnia and Herz.', CD: 'Dem. Rep. Congo', DO: 'Dominican Rep.', TR: 'Turkey', CZ: 'Czechia', CI: "Côte d'Ivoire", MM: 'Myanmar' };

/** Countries on a map whose outlines are in the bundle; small ones that it leaves out are in the list beside it. */
export default function WorldMap({ countries }: { countries: string[] }) {
  const names = new Set(countries.map((code) => other[code] ?? short.of(code)));
  return (
    <svg className="map" viewBox="0 0 360 180" role="img" aria-label={`${texts.alert.map}: ${countries.map(format.country).join(', ')}`}>
      {lands.map((land) => <path key={land.id ?? land.properties.name} className={names.has(land.properties.name) ? 'land hit' : 'land'} d={path(land.geometry)} />)}
    </svg>
  );
}
