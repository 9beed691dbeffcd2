// Texts of the operators' first page, the list of alerts, in short, plain American English. Their other pages have files of their own in
// operator/; the texts of all other pages are in texts/.
import { grouped, plural } from './plural';

export const texts = {
  none: '–',
  more: 'Show more',
  status: {
    ACTIVE: 'Active',
    PENDING_RENEWAL: 'Renewal due',
    EXPIRED: 'Expired',
    SUSPENDED: 'Suspended',
    REVOKED: 'Revoked',
    GRACE: 'Grace period',
    OPEN: 'New',
    INVESTIGATING: 'Investigating',
    RESOLVED: 'Resolved',
    FALSE_POSITIVE: 'False alarm',
    LOW: 'Low',
    MEDIUM: 'Medium',
    HIGH: 'High',
    CRITICAL: 'Critical',
    success: 'Paid',
    failed: 'Failed',
    pending: 'Checking',
    SUCCEEDED: 'Succeeded',
    FAILED: 'Failed',
  } as Record<string, string>,
  alerts: {
    title: 'Alerts',
    count: (n: number) => plural(n, 'alert', 'alerts'),
    /** The backend counts up to 1,000. */
    total: (n: number) => (n < 1000 ? plural(n, 'alert', 'alerts') : '1,000 alerts or more'),
    status: 'Status',
    severity: 'Severity',
    all: 'All',
    any: 'Any',
    what: 'Alert',
    when: 'Detected',
    license: 'License',
    action: 'Action taken',
    appeal: 'Appeal',
    confirmed: 'The customer said “it was me”',
    denied: 'The customer said “it was somebody else”',
    answer: 'Customer’s answer',
    answers: {
      WAITING: 'Not yet',
      UNANSWERED: 'None for 72 hours',
      CONFIRMED: '“It was me”',
      DENIED: '“It was somebody else”',
    } as Record<string, string>,
    none: 'There are no open alerts.',
    noMatch: 'No matching alerts.',
    ofOne: 'Showing the alerts of one license.',
    ofAll: 'Show the alerts of all licenses',
    account: (account: number) => `MT5 account ${account}`,
    /** @param limit Undefined if it is not known. */
    allSlotsTaken: (limit: number | undefined, device: string) =>
      `${limit === undefined ? '' : `The license allows ${plural(limit, 'device', 'devices')}. `}` +
      `All slots were taken when another device asked for one: ${device}.`,
    reopened: (n: number) => `${plural(n, 'alert is', 'alerts are')} open again.`,
    notReopened: (n: number, why: string) => `${plural(n, 'alert is', 'alerts are')} not open again: ${why}`,
    suspendedAgain: (n: number) => `${n === 1 ? 'The license is' : `${grouped(n)} licenses are`} suspended again.`,
    notSuspended: (n: number, why: string) => `${plural(n, 'license is', 'licenses are')} not suspended again: ${why}`,
    selected: (n: number) => `${grouped(n)} selected`,
    dialogs: { OPEN: 'Reopen', INVESTIGATING: 'Investigate', RESOLVED: 'Close as resolved', FALSE_POSITIVE: 'Close as false alarm' },
    notes: 'Why? The next operator who reviews this license sees this note.',
    reinstate: 'Reinstate the license and notify the customer',
    updated: (n: number) => `${plural(n, 'alert', 'alerts')} updated.`,
    suspended: 'Currently suspended',
    actions: {
      SUSPENDED: 'License suspended',
      REFUSED: 'New devices refused',
      ASKED: 'We asked the customer; new devices wait',
      NOTIFIED: 'Mail to the customer',
      NONE: 'None',
    } as Record<string, string>,
    /** After the review. */
    ended: {
      SUSPENDED: 'License was suspended',
      REFUSED: 'New devices were refused',
      ASKED: 'We asked the customer',
    } as Record<string, string>,
    /** How a suspension ended. */
    lifted: {
      OWNER: 'The customer lifted the suspension',
      REINSTATED: 'An operator reinstated the license',
      FALSE_POSITIVE: 'Reinstated as a false alarm',
      RUNBOOK: 'The token was reactivated with SQL',
      RENEWED: 'The suspension ended with a renewal',
    } as Record<string, string>,
    kept: 'The customer kept the refused device in place of another',
    table: 'Alerts',
  },
  shadow: {
    title: 'Policy in shadow',
    text: 'This policy observes the same usage as the policy in force. Nothing acts on what it finds, and customers don’t see it.',
    none: 'No policy is in shadow. To try a change of the detector on live usage, name its fields in a setting, for example:',
    differ: (n: number) => (n === 1 ? '1 license differs' : `${grouped(n)} licenses differ`),
    inForce: 'In force',
    shadow: 'In shadow',
    nothing: 'Nothing',
    difference: 'Difference',
    different: 'All that differ',
    all: 'All',
    noMatch: 'No licenses.',
    differences: {
      ONLY_SHADOW: 'Only in shadow',
      ONLY_IN_FORCE: 'Only in force',
      STRONGER: 'Shadow is stronger',
      WEAKER: 'Shadow is weaker',
      SAME: 'Same measure',
    } as Record<string, string>,
    measures: {
      SUSPENDED: 'Suspension',
      REFUSED: 'Refusal of new devices',
      ASKED: 'Question, new devices wait',
      NOTIFIED: 'Mail to the customer',
      NONE: 'Alert only',
    } as Record<string, string>,
  },
  review: {
    suspendTitle: 'Suspend this license?',
    suspendEffect: (devices: string) =>
      `From the next license check, ${devices} refused. The customer gets an email with the reason. ` +
      'Devices that have used the license for more than a day may still close their open positions for some days.',
    fraud: 'Fraud: devices may not even close their positions',
    devices: (n: number) => (n === 0 ? 'every device is' : n === 1 ? 'its one device is' : `its ${n} devices are`),
    reason: 'Reason. The customer sees it.',
    suspended: 'Suspended.',
    suspendNow: 'Suspend',
    reinstateNow: 'Reinstate',
    reinstateTitle: 'Reinstate this license?',
    reinstateEffect: 'All suspensions of this license are closed. The token works from the next license check. The customer gets an email.',
    grants: (devices: string[], staysSuspended: boolean) =>
      `${devices.join(', ')} may use the license ${staysSuspended ? 'once it is reinstated' : 'from now on'}. ` +
      (devices.length === 1 ? 'If no slot is free, it gets an extra slot.' : 'Where no slot is free, each gets an extra slot.'),
    granted: (devices: string[]) => `${devices.join(', ')}: allowed, with an extra slot if no slot is free.`,
    causingDevice: 'The device that caused the suspension',
    falsePositive:
      'False alarm: closes the open alerts about the suspension, and allows the device that caused it, with an extra slot if no slot ' +
      'is free',
    note: 'Reason, for the audit log.',
    reinstated: 'Reinstated.',
    undone: 'Undone.',
    reopenEffect:
      'The alert is in the queue again, and the customer can answer it again. Nothing is suspended: to suspend the license again, use ' +
      '“Suspend license…”. If the detector has already applied the decision, it keeps what it learned from it.',
    undoneReview: 'Reopened because the decision was undone',
    undoReason: 'Undone by the operator',
    undoneReinstatement: 'Suspended again because it was reinstated by mistake',
  },
};
