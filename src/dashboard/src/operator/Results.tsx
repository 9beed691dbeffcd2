import type { ReactNode } from 'react';
import { Confirm } from '../ui/kit';
import { words } from './texts';

export type Result = { name: ReactNode; key: string; detail: string | null };

/** The result for each selected row. It is shown if at least one was refused. */
export function Results({ of, results, onClose }: { of: number; results: Result[]; onClose: () => void }) {
  return (
    <Confirm
      open
      title={words.results.title}
      text={words.results.some(of - results.length, of)}
      go={words.results.close}
      onGo={onClose}
      onClose={onClose}
      busy={false}
      alone
    >
      <ul className="results">
        {results.map((one) => (
          <li key={one.key}>
            <strong>{one.name}</strong>
            <div className="small">{one.detail}</div>
          </li>
        ))}
      </ul>
    </Confirm>
  );
}
