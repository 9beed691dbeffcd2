import { usePages } from '../api';
import { Heading } from '../files';
import { format } from '../format';
import { t, word } from '../language';
import { Link } from '../router';
import { Button, Empty, Facts, PageTitle, ProblemBox, Skeleton, Table } from '../ui/kit';

export type Entry = {
  entry_id: string;
  at: string;
  type: string;
  amount_usd: number;
  balance_after_usd: number;
  subscription_id: string | null;
  master: string | null;
  /** card or paypal: the entry is the charge of a renewal there, or what went back. */
  method: string | null;
  description: string | null;
  /** What the description says, as a code with a day; null for entries of the platform. */
  purpose: string | null;
  day: string | null;
};
type Reply = { balance_usd: number; reserved_usd: number; available_usd: number; entries: Entry[]; next: string | null };

const read = (reply: Reply) => ({ rows: reply.entries, next: reply.next && `after=${reply.next}` });

/** The wallet on the platform: what it can pay, and what it was used for. */
export default function Wallet() {
  const wallet = usePages<Entry>('/api/v1/wallet', read, 60);
  const first = wallet.first as Reply | undefined;
  return (
    <>
      <PageTitle title={t('wallet.title')} />
      {wallet.problem && <ProblemBox problem={wallet.problem} again={wallet.reload} />}
      {!first && !wallet.problem && <Skeleton rows={6} />}
      {first && (
        <div className="stack">
          <section className="card">
            <p className="small">{t('wallet.available')}</p>
            <p className="figure">{format.money(first.available_usd)}</p>
            {first.reserved_usd > 0 && (
              <Facts
                rows={[
                  [t('wallet.balance'), format.money(first.balance_usd)],
                  [t('wallet.reserved'), format.money(first.reserved_usd)],
                ]}
              />
            )}
            <p className="small">{t('wallet.help')}</p>
          </section>
          <section>
            <Heading title={t('wallet.entries')} csv={wallet.rows.length > 0 && '/api/v1/wallet'} name="wallet" />
            {wallet.rows.length === 0 ? (
              <Empty>{t('wallet.none')}</Empty>
            ) : (
              <Table
                fits
                label={t('wallet.entries')}
                rows={wallet.rows}
                id={(row) => row.entry_id}
                columns={[
                  { head: t('wallet.for'), cell: (row) => <Purpose of={row} /> },
                  {
                    head: t('wallet.amount'),
                    number: true,
                    cell: (row) => <span className={row.amount_usd > 0 ? 'plus' : ''}>{format.signed(row.amount_usd)}</span>,
                  },
                  { head: t('wallet.after'), number: true, cell: (row) => format.money(row.balance_after_usd) },
                ]}
              />
            )}
            {wallet.more && (
              <div className="actions">
                <Button onPress={wallet.more} isPending={wallet.loading}>
                  {t('more')}
                </Button>
              </div>
            )}
          </section>
        </div>
      )}
    </>
  );
}

function Purpose({ of }: { of: Entry }) {
  return (
    <div>
      {kind(of)}
      {of.subscription_id && of.master && (
        <>
          {' · '}
          <Link to={`/licenses/${of.subscription_id}/renewals`}>{of.master}</Link>
        </>
      )}
      <div className="small">
        {format.day(of.at)}
        {described(of) && ' · '}
        {/* The language of the platform's descriptions is not known. */}
        <span lang={of.purpose ? undefined : ''}>{described(of)}</span>
      </div>
    </div>
  );
}

/** What a card or PayPal paid goes through the wallet, in two entries: it is no deposit of the customer. */
const kind = ({ type, method }: Entry) =>
  (method === 'paypal' ? word('wallet.paypal', type) : method && word('wallet.card', type)) ?? word('wallet.type', type) ?? type;

/** What this backend booked is said in the reader's language, and the platform's own descriptions as the platform wrote them. */
export const described = ({ description, purpose, day }: Entry) =>
  word('wallet.purpose', purpose, { day: day ? format.date(day) : '' }) ?? description;
