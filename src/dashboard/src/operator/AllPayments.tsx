import { usePages } from '../api';
import { Csv } from '../files';
import { format } from '../format';
import { t } from '../language';
import { Link, useSearchParams } from '../router';
import { Back, Badge, Mail, PageTitle, Table } from '../ui/kit';
import { Paged } from './Paged';
import { texts } from './pageTexts';
import { paymentTexts } from './paymentTexts';

export type PaidRenewal = {
  history_id: string;
  subscription_id: string;
  user_id: string | null;
  email: string | null;
  paid_at: string;
  amount_usd: number | null;
  paid_with: string | null;
  transaction_id: string | null;
  paid_until: string | null;
  refunded_usd: number;
  charged_back_usd: number;
  is_disputed: boolean;
};

const words = paymentTexts;
const read = (reply: { payments: PaidRenewal[]; next: string | null }) => ({
  rows: reply.payments,
  next: reply.next && `after=${reply.next}`,
});

/** The payments of all licenses, the latest first. */
export default function AllPayments() {
  const [query] = useSearchParams();
  const user = query.get('user_id');
  const path = `/api/v1/payments${user ? `?user_id=${encodeURIComponent(user)}` : ''}`;
  const list = usePages<PaidRenewal>(path, read);
  return (
    <>
      <Back to="/renewals">{t('nav.renewals')}</Back>
      <PageTitle title={words.title}>
        <Csv path={path} name="payments" />
      </PageTitle>
      <Paged list={list} rows={8} empty={words.none}>
        {(payments) => <PaymentTable label={words.title} payments={payments} withCustomer />}
      </Paged>
    </>
  );
}

export function PaymentTable({
  label,
  payments,
  withCustomer = false,
}: {
  label: string;
  payments: PaidRenewal[];
  withCustomer?: boolean;
}) {
  return (
    <Table
      label={label}
      rows={payments}
      id={(row) => row.history_id}
      columns={[
        {
          head: words.paid,
          wide: true,
          cell: (row) => <Link to={`/licenses/${row.subscription_id}/renewals`}>{format.moment(row.paid_at)}</Link>,
        },
        ...(withCustomer
          ? [
              {
                head: words.customer,
                cell: (row: PaidRenewal) => (
                  <Link to={`/customers/${row.user_id}`}>
                    <Mail of={row.email} />
                  </Link>
                ),
              },
            ]
          : []),
        { head: texts.renewals.amount, number: true, cell: (row) => format.money(row.amount_usd) },
        {
          head: texts.renewals.paysWith,
          cell: (row) => (row.paid_with ? (texts.renewals.with[row.paid_with] ?? row.paid_with) : texts.none),
        },
        { head: words.charge, cell: (row) => (row.transaction_id ? <code className="id">{row.transaction_id}</code> : texts.none) },
        { head: words.until, cell: (row) => format.day(row.paid_until) },
        {
          head: words.refunded,
          number: true,
          cell: (row) => (
            <>
              {row.refunded_usd > 0 ? format.money(row.refunded_usd) : texts.none}
              {row.charged_back_usd > 0 && <div className="small">{words.lost(format.money(row.charged_back_usd))}</div>}
              {row.is_disputed && (
                <div>
                  <Badge of="open">{words.disputed}</Badge>
                </div>
              )}
            </>
          ),
        },
      ]}
    />
  );
}
