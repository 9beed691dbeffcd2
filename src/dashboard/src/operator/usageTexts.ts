export const usageTexts = {
  title: 'Usage',
  licenses: 'Licenses used',
  received: 'Signals received',
  rejected: 'Rejected',
  latency: 'Average latency',
  top: 'Licenses with the most signals',
  countries: 'Countries',
  masters: 'Masters',
  none: 'No usage in this period.',
  name: 'Name',
  share: 'Reject rate',
};
