import type { AlertRow } from '../alerts';
import { Badge } from '../ui/kit';
import { words } from './texts';

/** The status of an alert. One that an operator has reopened is not new. */
export const AlertStatus = ({ of }: { of: Pick<AlertRow, 'status' | 'is_reopened'> }) => (
  <Badge of={of.status}>{of.is_reopened ? words.alerts.reopened : undefined}</Badge>
);
