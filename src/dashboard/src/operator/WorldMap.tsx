import { borders, land, middles } from 'virtual:world-map';
import { format } from '../format';
import { alertTexts } from './alertTexts';

export type Point = { latitude: number; longitude: number; name: string };

/**
 * A map that marks these towns with a dot, and the middle of these countries, whose towns are unknown, with a ring. Small countries that
 * the atlas lacks are only in the label and in the table beside the map.
 */
export default function WorldMap({ points, countries }: { points: Point[]; countries: string[] }) {
  const label = [...points.map((point) => point.name), ...countries.map(format.country)].join('; ');
  return (
    <svg className="map" viewBox="0 0 360 180" role="img" aria-label={`${alertTexts.map}: ${label}`}>
      <g transform="scale(0.5)">
        <path className="land" d={land} />
        <path className="borders" d={borders} />
      </g>
      {countries.map((code) => {
        const at = middles[code];
        return (
          at && (
            <circle key={code} className="country" cx={at[0]} cy={at[1]} r="5">
              <title>{format.country(code)}</title>
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
