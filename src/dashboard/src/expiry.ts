import { texts } from './texts';

// As UTC, because a day with a change of the clock has 23 or 25 hours.
const day = (at: Date) => Date.UTC(at.getFullYear(), at.getMonth(), at.getDate()) / 86_400_000;

/** Days until the expiry by the calendar, as in the mails, so that they agree with the date beside them. */
export function expiry(expiresAt: string | null | undefined) {
  if (!expiresAt) return texts.expiry.never;
  const [end, now] = [new Date(expiresAt), new Date()];
  return texts.expiry.inDays(day(end) - day(now), end < now);
}
