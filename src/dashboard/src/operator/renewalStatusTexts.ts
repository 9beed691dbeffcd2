import { grouped, plural } from '../plural';
import { words } from './texts';

export const renewalStatusTexts = {
  tabs: { decide: 'To decide, and by status', upcoming: 'Upcoming and failed', refunds: 'Refunds' },
  nothingToDecide: 'No payment needs a decision.',
  title: 'Renewals by status',
  status: 'Status',
  stuck: 'Failed or waiting',
  all: 'All',
  statuses: words.search.statuses,
  declinedForGood: 'Declined, not tried again automatically',
  withDebts: (amount: string) => `with open amounts of ${amount}`,
  none: 'No renewals with this status.',
  customer: 'Customer',
  expires: 'License expires',
  attempts: 'Charge attempts',
  reason: 'Last reason',
  next: 'Next step',
  charge: (at: string) => `Charge: ${at}`,
  check: (at: string) => `No charge, next processing: ${at}`,
  changed: 'Changed',
  select: (email: string) => `Select the renewal of ${email}`,
  selectAll: 'Select all that can be tried again',
  selected: (n: number) => `${grouped(n)} selected`,
  retry: 'Try again…',
  retryTitle: (n: number) => `Try ${plural(n, 'renewal', 'renewals')} again?`,
  retryText:
    'They are charged by the next run, within 15 minutes, with the usual limits. A charge whose outcome is unknown is only looked up. ' +
    'Nothing is charged twice.',
  retryNow: 'Try again',
  retried: (n: number) => `${plural(n, 'renewal is', 'renewals are')} due now.`,
};
