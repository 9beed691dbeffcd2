// Words of the operators' pages that several of them have. The others are in a file for each page, so that no page loads those of all.
import { texts as first } from '../texts';

export const texts = {
  ...first,
  choose: 'Select',
  someone: 'An operator',
  /** Words that the customers' catalog has, too. */
  renewals: {
    action: 'Action',
    amount: 'Amount',
    auto: 'Renew automatically',
    paysWith: 'Payment method',
    when: 'Date',
    with: {
      nothing: 'None (free)',
      wallet: 'Wallet',
      card: 'Saved payment method',
      deferred: 'With the next charge, because the amount is too small to be charged alone',
    } as Record<string, string>,
  },
  health: { grade: { GOOD: 'Good', FAIR: 'Fair', POOR: 'Poor' }, ms: (n: string) => `${n} ms`, reason: 'Why', status: 'Status' },
  license: { owner: 'Customer' },
  usage: { day: '24 hours', month: '30 days', network: 'Network', span: 'Period', time: 'Time' },
};
