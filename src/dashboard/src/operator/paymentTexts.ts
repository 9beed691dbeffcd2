export const paymentTexts = {
  title: 'Payments',
  paid: 'Paid',
  customer: 'Customer',
  charge: 'Charge',
  until: 'Paid until',
  refunded: 'Refunded',
  lost: (amount: string) => `lost in a dispute: ${amount}`,
  disputed: 'Disputed',
  none: 'Nothing was paid.',
};
