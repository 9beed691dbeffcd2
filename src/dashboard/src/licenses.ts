import { useEffect, useState } from 'react';
import { call } from './api';
import type { Session } from './session';
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

// Kept as long as the document, so that the menu doesn't wait for it again after a change of the language.
const several = new Map<string, boolean>();

/** Whether a customer has more than one license, so that a list of them differs from the home page. False until it is known. */
export function useHasSeveral(who: Session | null): boolean {
  const token = who?.role === 'subscriber' ? who.token : undefined;
  const [, setKnown] = useState<string>();
  useEffect(() => {
    if (!token || several.has(token)) return;
    const abort = new AbortController();
    call<{ licenses: License[] }>('GET', '/api/v1/licenses?limit=2', undefined, [], abort.signal).then(
      ({ licenses }) => {
        several.set(token, licenses.length > 1);
        setKnown(token);
      },
      () => {},
    );
    return () => abort.abort();
  }, [token]);
  return token !== undefined && several.get(token) === true;
}

/** The cause that a suspension by an operator gets if its reinstatement is undone. */
export async function suspensionCause(id: string): Promise<'FRAUD' | 'OPERATOR'> {
  const view = await call<{ suspensions: { cause: string }[] }>('GET', `/api/v1/licenses/${id}/suspension`);
  return view.suspensions.some((one) => one.cause === 'FRAUD') ? 'FRAUD' : 'OPERATOR';
}
