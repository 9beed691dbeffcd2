export const licenseTexts = {
  title: 'Licenses',
  search: 'Search',
  searchHelp: 'Email or license ID, or a part of it',
  status: 'Status',
  none: 'No matching licenses.',
  table: 'Licenses',
  customer: 'Customer',
  master: 'Master',
  expires: 'Expires',
  health: 'Health',
  alerts: 'Open alerts',
  lastUsed: 'Last used',
};
