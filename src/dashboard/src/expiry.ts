import { t } from './language';

// As UTC, because a day with a change of the clock has 23 or 25 hours.
const day = (at: Date) => Date.UTC(at.getFullYear(), at.getMonth(), at.getDate()) / 86_400_000;

/** Days until the expiry by the calendar, as in the mails, so that they agree with the date beside them. */
export function expiry(expiresAt: string | null | undefined) {
  if (!expiresAt) return t('expiry.never');
  const [end, now] = [new Date(expiresAt), new Date()];
  const days = day(end) - day(now);
  if (days === 0) return t(end < now ? 'expiry.todayOver' : 'expiry.today');
  if (Math.abs(days) === 1) return t(days > 0 ? 'expiry.tomorrow' : 'expiry.yesterday');
  return days > 0 ? t('expiry.in', { days }) : t('expiry.ago', { days: -days });
}
