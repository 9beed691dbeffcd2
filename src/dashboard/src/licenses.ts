import { call } from './api';
import type { HealthGrade } from './widget/LicenseHealthWidget';

/** A license in a list. */
export type License = {
  subscription_id: string;
  master: string;
  owner_email: string | null;
  /** The customer, for operators. */
  owner_id: string | null;
  status: string;
  code: string;
  /** FULL, CLOSE_ONLY or NONE. */
  entitlement: string;
  close_only_until: string | null;
  /** Null if no check was refused yet: the period begins with the next one. */
  close_only_since: string | null;
  health_score: number;
  health_grade: HealthGrade;
  days_until_expiry: number | null;
  expires_at: string | null;
  /** The end of the grace period; null for a license that is not in it. */
  grace_until: string | null;
  auto_renew: boolean;
  last_used_at: string | null;
  open_alerts: number;
  device_count: number;
  is_suspended: boolean;
  can_reinstate: boolean;
};

export const readLicenses = (reply: { licenses: License[]; next: string | null }) => ({
  rows: reply.licenses,
  next: reply.next && `after=${reply.next}`,
});

/** The cause that a suspension by an operator gets if its reinstatement is undone. */
export async function suspensionCause(id: string): Promise<'FRAUD' | 'OPERATOR'> {
  const view = await call<{ suspensions: { cause: string }[] }>('GET', `/api/v1/licenses/${id}/suspension`);
  return view.suspensions.some((one) => one.cause === 'FRAUD') ? 'FRAUD' : 'OPERATOR';
}
