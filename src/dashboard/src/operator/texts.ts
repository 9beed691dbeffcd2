// Texts of the frame of the operators' pages and of their first page.
import { grouped, plural } from '../plural';

/** They open the dialog of the decision. */
const decisionKeys = { INVESTIGATING: 'i', RESOLVED: 'r', FALSE_POSITIVE: 'f', OPEN: 'o' } as const;

/** Their buttons. */
const decisions = {
  INVESTIGATING: 'Investigate',
  RESOLVED: 'Close as resolved…',
  FALSE_POSITIVE: 'Close as false alarm…',
  OPEN: 'Reopen…',
};

export const words = {
  reason: 'Reason, for the audit log',
  results: {
    title: 'Results',
    close: 'Close',
    some: (done: number, of: number) => `${grouped(done)} of ${grouped(of)} done. These were not done, or gave no answer:`,
  },
  search: {
    label: 'Search',
    placeholder: 'Email, account, EA, IP, token, charge…',
    keys: 'Shortcut: / or Ctrl-K',
    busy: 'Searching…',
    none: 'Nothing found. Try the beginning of an ID or a token, or another part of the address.',
    short: 'Type at least 3 characters.',
    hits: (n: number) => plural(n, 'result', 'results'),
    kinds: {
      customer: 'Customers',
      license: 'Licenses',
      device: 'Devices',
      refused_device: 'Refused devices',
      token: 'Tokens',
      alert: 'Alerts',
      payment: 'Payments',
      case: 'Payments to decide',
      dispute: 'Disputes',
      invoice: 'Invoices',
    } as Record<string, string>,
    /** Of a customer and of a renewal. */
    roles: { subscriber: 'Customer', master: 'Master', operator: 'Operator', service: 'Service' } as Record<string, string>,
    statuses: {
      due: 'Due',
      charging: 'Charging',
      unknown: 'Outcome unknown',
      undecided: 'Needs a decision',
      soft_declined: 'Declined',
      hard_declined: 'Declined, needs another card',
      needs_authentication: 'Customer must confirm',
      awaiting_consent: 'Customer must agree to the price',
      payment_needed: 'No payment method',
      not_renewable: 'No price',
      succeeded: 'Charged, not booked yet',
      applied: 'Renewed',
      canceled: 'Canceled',
      lapsed: 'Lapsed',
    } as Record<string, string>,
    license: (master: string | null) => (master ? `License of ${master}` : 'License'),
    device: (ea: string, account: string | null) => (account ? `${ea}, account ${account}` : ea),
    token: (hash: string) => `Token with the hash ${hash}…`,
  },
  alerts: {
    sort: 'Order',
    orders: { queue: 'Most urgent', newest: 'Newest', severity: 'Most severe' } as Record<string, string>,
    selectAll: 'Select all',
    select: (name: string) => `Select: ${name}`,
    allOpen: 'All open',
    newOrReopened: 'New or reopened',
    reopened: 'Reopened',
    fresh: (n: number) => `Show ${plural(n, 'change', 'changes')}`,
    upToDate: 'Up to date',
    decisionKeys,
    decisions,
    reviewKeys: [
      [decisionKeys.INVESTIGATING, decisions.INVESTIGATING],
      [decisionKeys.RESOLVED, decisions.RESOLVED],
      [decisionKeys.FALSE_POSITIVE, decisions.FALSE_POSITIVE],
      [decisionKeys.OPEN, decisions.OPEN],
    ] as [string, string][],
    listKeys: [
      ['j, k', 'Next, previous alert'],
      ['x', 'Select the alert'],
      ['Enter', 'Open the alert'],
      ['Escape', 'Clear the selection'],
    ] as [string, string][],
  },
  review: {
    key: 'l',
    help: 'Suspend or reinstate the license…',
    suspend: 'Suspend license…',
    reinstate: 'Reinstate license…',
    /** @param n Licenses that stay suspended; undefined for a decision about one alert. */
    staysSuspended: (n: number | undefined, appeals: number) =>
      `${n === undefined ? 'The license stays' : plural(n, 'license stays', 'licenses stay')} suspended.` +
      (appeals === 0
        ? ''
        : ` ${appeals === 1 ? 'The customer who appealed gets' : 'Customers who appealed get'} an email: the appeal was reviewed, ` +
          'and the suspension stays.'),
    denied: (of: number, n: number) =>
      `${of === 1 ? 'The customer' : `In ${plural(n, 'alert', 'alerts')}, the customer`} said “it was somebody else”.`,
    answer: 'Answer to the customer (optional)',
    answerHelp: 'The customer reads it in the email and on the page.',
    alsoClosed: (n: number) =>
      `${plural(n, 'alert about the suspension is', 'alerts about the suspension are')} closed as ` +
      `${n === 1 ? 'a false alarm' : 'false alarms'}, too.`,
  },
  shortcuts: {
    title: 'Keyboard shortcuts',
    close: 'Close',
    of: (key: string) => `Shortcut: ${key}`,
    everywhere: [
      ['Ctrl-Z', 'Undo the last decision, while “Undo” is shown'],
      ['/ or Ctrl-K', 'Search'],
      ['?', 'Show this list'],
    ] as [string, string][],
  },
};
