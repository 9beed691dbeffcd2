import { format } from './format';
import { texts } from './texts';

export type EvidenceDevice = {
  ea_instance_id?: string;
  account?: number;
  network?: string;
  country?: string;
  city?: string;
  first_at: string;
  last_at: string;
  records?: number;
  minutes?: number;
};
/** The device in the evidence of a check that refused it. */
export type RefusedDevice = {
  ea_instance_id?: string;
  mt5_account_number?: number;
  ip_address?: string;
  country?: string | null;
  city?: string | null;
  refused_at?: string;
};
/** Evidence of the detector or of a check. Alerts of other systems have other fields. */
export type Evidence = {
  rule?: string;
  from?: string;
  to?: string;
  measured?: number;
  limit?: number;
  device_limit?: number;
  /** The same in alerts of checks of earlier versions. */
  max_devices?: number;
  minutes_at_once?: number;
  people?: number;
  devices?: EvidenceDevice[];
  device_key?: string | null;
  refused_device?: RefusedDevice;
  /** The same in alerts of earlier versions. */
  newcomer?: RefusedDevice;
  last_refused_device?: RefusedDevice;
  last_refused_at?: string;
  refusals?: number;
  /** Positions that were opened although the license allowed no new positions. */
  opened?: number;
  close_only_since?: string;
};
/** What was done, by the measure of the alert. A question or a refusal ends with the review, a suspension when it is lifted. */
export const actionOf = ({
  measure,
  status,
  suspension_ended,
  is_suspended,
}: Pick<AlertRow, 'measure' | 'status' | 'suspension_ended' | 'is_suspended'>) => {
  const isClosed = status === 'RESOLVED' || status === 'FALSE_POSITIVE';
  const isOver = measure === 'SUSPENDED' ? !is_suspended && (isClosed || suspension_ended !== null) : isClosed;
  return (isOver ? texts.alerts.ended[measure] : undefined) ?? texts.alerts.actions[measure] ?? measure;
};
/** What came of it, beside the review: by the customer, or by an operator. */
export const outcomesOf = ({
  suspension_ended,
  is_suspended,
  is_device_kept,
}: Pick<AlertRow, 'suspension_ended' | 'is_suspended' | 'is_device_kept'>) => [
  // Of a license that is suspended again, for example because the reinstatement was undone, it would contradict the status.
  ...(suspension_ended && !is_suspended ? [texts.alerts.lifted[suspension_ended] ?? suspension_ended] : []),
  ...(is_device_kept ? [texts.alerts.kept] : []),
];
/**
 * What the alert is about. Of a device that a check refused, the evidence has more than the description: its name, and how many devices the
 * license allows.
 */
export function sentenceOf({ evidence, description }: Pick<AlertRow, 'evidence' | 'description'>) {
  const device = refusedDevice(evidence);
  if (!device?.ea_instance_id) return description;
  const account = device.mt5_account_number === undefined ? [] : [texts.alerts.account(device.mt5_account_number)];
  const location = device.city || device.country ? [format.location(device.city, device.country)] : [];
  const where = [...account, ...location].join(', ');
  return texts.alerts.allSlotsTaken(
    evidence?.device_limit ?? evidence?.max_devices,
    where ? `${device.ea_instance_id} (${where})` : device.ea_instance_id,
  );
}
export const deviceName = (ea: string | null | undefined, account: number | null | undefined) => `${ea ?? '?'} · ${account ?? '?'}`;
/** The device that a check refused. */
export const refusedDevice = (evidence: Evidence | null) => evidence?.refused_device ?? evidence?.newcomer;
/** The statuses that a review gives; OPEN takes a review back. */
export type Review = 'OPEN' | 'INVESTIGATING' | 'RESOLVED' | 'FALSE_POSITIVE';
export type AlertRow = {
  alert_id: string;
  subscription_id: string | null;
  user_id: string | null;
  owner_email: string | null;
  activity_type: string;
  severity: string;
  description: string | null;
  evidence: Evidence | null;
  detected_at: string;
  status: string;
  is_reopened: boolean;
  next_statuses: Review[];
  auto_action_taken: string;
  measure: string;
  resolution_notes: string | null;
  asked_at: string | null;
  /** WAITING, UNANSWERED, CONFIRMED or DENIED. */
  customer_answer: string | null;
  customer_confirmed_at: string | null;
  confirmed_from_known: boolean;
  customer_denied_at: string | null;
  appealed_at: string | null;
  appeal: string | null;
  is_suspended: boolean;
  can_reinstate: boolean;
  /** How the latest suspension that it is about ended, such as OWNER; null while that is open, or if there is none. */
  suspension_ended: string | null;
  is_device_kept: boolean;
  has_open_appeal: boolean;
};
/** A device's use in one location, without an interruption of more than 10 minutes. */
export type Session = {
  ea_instance_id: string | null;
  mt5_account_number: number | null;
  country: string | null;
  city: string | null;
  latitude: number | null;
  longitude: number | null;
  from: string;
  to: string;
};
