import { useState, type ReactNode } from 'react';
import { call, useAction, useLoad, usePages, type Problem } from '../api';
import { Heading } from '../files';
import { format } from '../format';
import { InvoiceFiles, type Invoice, type InvoiceList } from '../invoices';
import { t, word } from '../language';
import { Link } from '../router';
import { Button, Choice, Confirm, Empty, Facts, Field, notify, PageTitle, ProblemBox, Show, Skeleton, Table } from '../ui/kit';

type Details = { name: string; address: string | null; country: string | null; tax_id: string | null };
type DetailsReply = { details: Details | null; countries: string[] };

const read = (reply: InvoiceList) => ({ rows: reply.invoices, next: reply.next && `after=${encodeURIComponent(reply.next)}` });

/** The customer's invoices and credit notes, and what is written on the next ones. */
export default function Invoices() {
  const list = usePages<Invoice>('/api/v1/invoices', read, 60);
  const details = useLoad<DetailsReply>('/api/v1/billing-details');
  const file = useAction();
  return (
    <>
      <PageTitle title={t('invoices.title')} />
      <div className="stack">
        <section className="card" aria-label={t('invoices.details')}>
          <Show of={details} rows={3}>
            {(reply) => <BillingDetails reply={reply} reload={details.reload} />}
          </Show>
        </section>
        <section>
          <Heading title={t('invoices.list')} csv={list.rows.length > 0 && '/api/v1/invoices'} name="invoices" />
          {list.problem && <ProblemBox problem={list.problem} again={list.reload} />}
          {file.problem && <ProblemBox problem={file.problem} />}
          {list.first === undefined && !list.problem && <Skeleton rows={6} />}
          {list.first !== undefined && list.rows.length === 0 && <Empty>{t('invoices.none')}</Empty>}
          {list.rows.length > 0 && (
            <Table
              label={t('invoices.list')}
              rows={list.rows}
              id={(row) => row.number}
              columns={[
                { head: t('invoices.number'), cell: (row) => <What of={row} files={<InvoiceFiles number={row.number} action={file} />} /> },
                { head: t('invoices.amount'), number: true, cell: (row) => <Amount of={row} /> },
              ]}
            />
          )}
          {list.more && (
            <div className="actions">
              <Button onPress={list.more} isPending={list.loading}>
                {t('more')}
              </Button>
            </div>
          )}
          {list.rows.length > 0 && <p className="small">{t('invoices.xml')}</p>}
        </section>
      </div>
    </>
  );
}

function What({ of, files }: { of: Invoice; files: ReactNode }) {
  return (
    <div>
      {of.number}
      <div className="small">
        {word('invoices.kind', of.kind) ?? of.kind}
        {of.corrects && ` ${t('invoices.corrects', { number: of.corrects })}`}
        {' · '}
        {format.day(of.issued_at)}
        {of.master && (
          <>
            {' · '}
            <Link to={`/licenses/${of.subscription_id}/renewals`}>{of.master}</Link>
          </>
        )}
      </div>
      {files}
    </div>
  );
}

function Amount({ of }: { of: Invoice }) {
  return (
    <>
      {format.money(of.kind === 'credit_note' ? -of.gross_usd : of.gross_usd)}
      <div className="small">{t('invoices.tax', { amount: format.money(of.tax_usd), percent: format.number(of.tax_percent) })}</div>
    </>
  );
}

function BillingDetails({ reply, reload }: { reply: DetailsReply; reload: () => void }) {
  const [edited, setEdited] = useState<Details>();
  const action = useAction();
  const { details } = reply;
  const close = () => {
    setEdited(undefined);
    action.clear();
  };
  const save = () =>
    action.run(async () => {
      await call('PUT', '/api/v1/billing-details', edited);
      notify(t('invoices.saved'));
      setEdited(undefined);
      reload();
    });
  return (
    <>
      <div className="spread">
        <h2>{t('invoices.details')}</h2>
        <Button onPress={() => setEdited(details ?? { name: '', address: null, country: null, tax_id: null })}>
          {t(details ? 'invoices.change' : 'invoices.add')}
        </Button>
      </div>
      {details ? (
        <Facts
          rows={[
            [t('invoices.name'), details.name],
            [t('invoices.address'), <span className="lines">{details.address ?? t('none')}</span>],
            [t('invoices.country'), details.country ? format.country(details.country) : t('none')],
            [t('invoices.taxId'), details.tax_id ?? t('none')],
          ]}
        />
      ) : (
        <p>{t('invoices.noDetails')}</p>
      )}
      <p className="small">{t('invoices.help')}</p>
      {edited && (
        <Edit
          details={edited}
          countries={reply.countries}
          busy={action.busy}
          problem={action.problem}
          onChange={setEdited}
          onClose={close}
          onGo={() => void save()}
        />
      )}
    </>
  );
}

function Edit({
  details,
  countries,
  busy,
  problem,
  onChange,
  onClose,
  onGo,
}: {
  details: Details;
  countries: string[];
  busy: boolean;
  problem?: Problem;
  onChange: (details: Details) => void;
  onClose: () => void;
  onGo: () => void;
}) {
  const [isMissing, setMissing] = useState(false);
  const optional = (field: Parameters<typeof t>[0]) => t('optional', { field: t(field) });
  const names = countries.map((code): [string, string] => [code, format.country(code)]).sort((a, b) => a[1].localeCompare(b[1]));
  return (
    <Confirm
      open
      title={t('invoices.details')}
      go={t('invoices.save')}
      busy={busy}
      problem={problem}
      onClose={onClose}
      onGo={() => (details.name.trim() ? onGo() : setMissing(true))}
    >
      <Field
        label={t('invoices.name')}
        error={isMissing ? t('invoices.nameMissing') : undefined}
        value={details.name}
        onChange={(name) => {
          setMissing(false);
          onChange({ ...details, name });
        }}
        max={100}
        auto
      />
      <Field
        label={optional('invoices.address')}
        help={t('invoices.addressHelp')}
        value={details.address ?? ''}
        onChange={(address) => onChange({ ...details, address })}
        rows={3}
        max={300}
      />
      <Choice
        label={optional('invoices.country')}
        value={details.country ?? ''}
        options={[['', t('invoices.noCountry')], ...names]}
        onChange={(country) => onChange({ ...details, country: country || null })}
      />
      <Field
        label={optional('invoices.taxId')}
        help={t('invoices.taxIdHelp')}
        value={details.tax_id ?? ''}
        onChange={(tax_id) => onChange({ ...details, tax_id })}
        max={30}
      />
    </Confirm>
  );
}
