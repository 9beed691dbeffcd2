import { useState, type ReactNode } from 'react';
import { call, useAction, useLoad, usePages } from '../api';
import { nameOf, type Method, type Methods } from '../customer/methods';
import { type Entry as WalletEntry, described } from '../customer/Wallet';
import { actionOf, sentenceOf, type AlertRow } from '../alerts';
import { Heading, saveFile } from '../files';
import { format } from '../format';
import { InvoiceFiles, type Invoice, type InvoiceList } from '../invoices';
import { t, word } from '../language';
import { readLicenses, type License } from '../licenses';
import { Link, useParams } from '../router';
import {
  Back,
  Badge,
  Button,
  Confirm,
  Empty,
  Facts,
  Field,
  isErased,
  LicenseStatus,
  notify,
  PageTitle,
  ProblemBox,
  Show,
  Table,
} from '../ui/kit';
import { AlertStatus } from './AlertStatus';
import { alertTexts } from './alertTexts';
import { AuditTable, type AuditEntry } from './AuditTable';
import { auditTexts } from './auditTexts';
import { customerTexts } from './customerTexts';
import { licenseTexts } from './licenseTexts';
import { Paged, type Pages } from './Paged';
import { PaymentTable, type PaidRenewal } from './AllPayments';
import { texts } from './pageTexts';
import { refundTexts } from './refundTexts';
import { renewalStatusTexts } from './renewalStatusTexts';
import { words as all } from './texts';

type Customer = {
  user_id: string;
  email: string;
  role: string;
  is_active: boolean;
  created_at: string | null;
  last_login_at: string | null;
  wallet_usd: number | null;
  licenses: number;
};
type Note = { note_id: string; text: string; written_at: string; author: string | null };
type Detail = { customer: Customer; notes: Note[] };
type Mail = {
  outbox_id: string;
  subject: string;
  text: string;
  state: string;
  created_at: string;
  sent_at: string | null;
  due_at: string | null;
  last_error: string | null;
};
type Device = {
  subscription_id: string;
  master: string;
  name: string | null;
  ea_instance_id: string;
  mt5_account_number: number;
  network: string | null;
  country_code: string | null;
  city: string | null;
  last_seen: string;
};
type Renewal = {
  renewal_id: string;
  subscription_id: string;
  master: string;
  status: string;
  amount_usd: number | null;
  period_start: string;
  reason: string | null;
  next_action_at: string | null;
};

const words = customerTexts;
const page = <T,>(rows: T[], next: string | null) => ({ rows, next: next && `after=${next}` });

/** Whether a list is known to have no rows. */
const isEmpty = (list: { first?: unknown; rows: unknown[]; problem?: unknown }) =>
  list.first !== undefined && list.rows.length === 0 && !list.problem;

export default function CustomerPage() {
  const id = useParams().userId!;
  const path = `/api/v1/customers/${encodeURIComponent(id)}`;
  const detail = useLoad<Detail>(path);
  // An erasure changes every list of the page.
  const [erasures, setErasures] = useState(0);
  const erased = () => {
    detail.reload();
    setErasures((n) => n + 1);
  };
  return (
    <>
      <Back to="/licenses">{words.back}</Back>
      <Show of={detail} rows={8}>
        {(reply) => <Shown key={`${id} ${erasures}`} {...reply} path={path} reload={detail.reload} erased={erased} />}
      </Show>
    </>
  );
}

type ShownProps = Detail & { path: string; reload: () => void; erased: () => void };

function Shown({ customer, notes, path, reload, erased }: ShownProps) {
  const id = customer.user_id;
  const name = isErased(customer.email) ? t('erased') : customer.email;
  const of = {
    licenses: `/api/v1/licenses?user_id=${id}`,
    devices: `${path}/devices`,
    alerts: `/api/v1/licenses/alerts?status=ALL&sort=newest&user_id=${id}`,
    payments: `/api/v1/payments?user_id=${id}`,
    invoices: `/api/v1/invoices?user_id=${id}`,
    wallet: `/api/v1/wallet?user_id=${id}`,
    renewals: `/api/v1/renewals?user_id=${id}`,
    mails: `${path}/mails`,
    audit: `/api/v1/audit?user_id=${id}`,
  };
  const licenses = usePages<License>(`${of.licenses}&limit=100`, readLicenses);
  const devices = usePages<Device>(`${of.devices}?limit=100`, (reply: { devices: Device[]; next: string | null }) =>
    page(reply.devices, reply.next),
  );
  const alerts = usePages<AlertRow>(`${of.alerts}&limit=20`, (reply: { alerts: AlertRow[]; next: string | null }) => ({
    rows: reply.alerts,
    next: reply.next && `cursor=${encodeURIComponent(reply.next)}`,
  }));
  const payments = usePages<PaidRenewal>(`${of.payments}&limit=20`, (reply: { payments: PaidRenewal[]; next: string | null }) =>
    page(reply.payments, reply.next),
  );
  const invoices = usePages<Invoice>(`${of.invoices}&limit=50`, (reply: InvoiceList) => page(reply.invoices, reply.next));
  const renewals = usePages<Renewal>(`${of.renewals}&limit=20`, (reply: { renewals: Renewal[]; next: string | null }) =>
    page(reply.renewals, reply.next),
  );
  const wallet = usePages<WalletEntry>(of.wallet, (reply: { entries: WalletEntry[]; next: string | null }) =>
    page(reply.entries, reply.next),
  );
  const mails = useLoad<{ mails: Mail[] }>(of.mails);
  const audit = usePages<AuditEntry>(`${of.audit}&limit=50`, (reply: { entries: AuditEntry[]; next: string | null }) =>
    page(reply.entries, reply.next),
  );
  const methods = useLoad<Methods>(`/api/v1/payment-methods?user_id=${id}`);
  const nothing = [
    isEmpty(alerts) && words.none.alerts,
    isEmpty(licenses) && words.none.licenses,
    isEmpty(devices) && words.none.devices,
    isEmpty(renewals) && words.none.renewals,
    methods.data?.payment_methods.length === 0 && words.none.paymentMethods,
    isEmpty(payments) && words.none.payments,
    isEmpty(invoices) && (invoices.first as InvoiceList).is_on && words.none.invoices,
    isEmpty(wallet) && words.none.walletEntries,
    mails.data?.mails.length === 0 && words.none.mails,
    isEmpty(audit) && words.none.changes,
  ].filter((name) => name !== false);
  return (
    <>
      <PageTitle title={name}>
        {customer.role !== 'subscriber' && <Badge of={customer.role}>{words.role[customer.role] ?? customer.role}</Badge>}
        {!customer.is_active && !isErased(customer.email) && <Badge of="SUSPENDED">{words.closed}</Badge>}
      </PageTitle>
      <section className="card" aria-label={name}>
        <Facts
          rows={[
            [words.since, format.day(customer.created_at)],
            [words.lastLogin, format.ago(customer.last_login_at)],
            [words.licenses, format.number(customer.licenses)],
            [words.wallet, format.money(customer.wallet_usd)],
            [words.id, <code className="id">{id}</code>],
          ]}
        />
        {!isErased(customer.email) && customer.role !== 'operator' && customer.role !== 'service' && (
          <div className="actions">
            <Export path={path} id={id} done={audit.reload} />
            <Erase customer={customer} path={path} done={erased} />
          </div>
        )}
      </section>
      <Part title={words.alerts} list={alerts} csv={of.alerts} name="alerts">
        {(rows) => (
          <Table
            label={words.alerts}
            rows={rows}
            id={(row) => row.alert_id}
            columns={[
              {
                head: texts.alerts.what,
                wide: true,
                cell: (row) => (
                  <>
                    <Link to={`/alerts/${row.alert_id}`}>{word('activity', row.activity_type) ?? row.activity_type}</Link>
                    <div className="small">{sentenceOf(row)}</div>
                  </>
                ),
              },
              { head: texts.alerts.severity, cell: (row) => <Badge of={row.severity} /> },
              { head: texts.alerts.status, cell: (row) => <AlertStatus of={row} /> },
              { head: texts.alerts.when, cell: (row) => format.moment(row.detected_at) },
              { head: texts.alerts.action, cell: actionOf },
            ]}
          />
        )}
      </Part>
      <Part title={words.licenses} list={licenses} csv={of.licenses} name="licenses">
        {(rows) => (
          <Table
            label={words.licenses}
            rows={rows}
            id={(row) => row.subscription_id}
            columns={[
              { head: licenseTexts.master, cell: (row) => <Link to={`/licenses/${row.subscription_id}`}>{row.master}</Link> },
              { head: licenseTexts.status, cell: (row) => <LicenseStatus license={row} /> },
              { head: licenseTexts.expires, cell: (row) => format.day(row.expires_at) },
              {
                head: licenseTexts.health,
                number: true,
                cell: (row) => (
                  <span className={`score ${row.health_grade.toLowerCase()}`}>
                    {row.health_score} {texts.health.grade[row.health_grade]}
                  </span>
                ),
              },
              { head: texts.renewals.auto, cell: (row) => (row.auto_renew ? refundTexts.on : refundTexts.off) },
              { head: licenseTexts.alerts, number: true, cell: (row) => row.open_alerts },
              { head: licenseTexts.lastUsed, cell: (row) => format.ago(row.last_used_at) },
            ]}
          />
        )}
      </Part>
      <Part title={words.devices} list={devices} csv={of.devices} name="devices">
        {(rows) => (
          <Table
            label={words.devices}
            rows={rows}
            id={(row) => `${row.subscription_id} ${row.ea_instance_id} ${row.mt5_account_number}`}
            columns={[
              { head: alertTexts.device, cell: (row) => row.name ?? row.ea_instance_id },
              { head: words.account, cell: (row) => row.mt5_account_number },
              { head: texts.usage.network, cell: (row) => row.network ?? texts.none },
              { head: alertTexts.location, cell: (row) => format.location(row.city, row.country_code) },
              { head: words.lastSeen, cell: (row) => format.ago(row.last_seen) },
              {
                head: texts.alerts.license,
                cell: (row) => <Link to={`/licenses/${row.subscription_id}/devices`}>{row.master}</Link>,
              },
            ]}
          />
        )}
      </Part>
      <Part title={words.renewals} list={renewals} csv={of.renewals} name="renewals" rows={1}>
        {(rows) => (
          <Table
            label={words.renewals}
            rows={rows}
            id={(row) => row.renewal_id}
            columns={[
              {
                head: texts.alerts.license,
                cell: (row) => <Link to={`/licenses/${row.subscription_id}/renewals`}>{row.master}</Link>,
              },
              { head: renewalStatusTexts.expires, cell: (row) => format.day(row.period_start) },
              { head: renewalStatusTexts.status, cell: (row) => renewalStatusTexts.statuses[row.status] ?? row.status },
              { head: texts.renewals.amount, number: true, cell: (row) => format.money(row.amount_usd) },
              { head: renewalStatusTexts.reason, cell: (row) => row.reason && format.reasonAlone(row.reason) },
              { head: renewalStatusTexts.next, cell: (row) => format.moment(row.next_action_at) },
            ]}
          />
        )}
      </Part>
      {methods.data?.payment_methods.length !== 0 && (
        <>
          <h2>{words.paymentMethods}</h2>
          <Show of={methods} rows={1}>
            {(reply) => <PaymentMethods methods={reply.payment_methods} />}
          </Show>
        </>
      )}
      <Part title={words.payments} list={payments} csv={of.payments} name="payments">
        {(rows) => <PaymentTable label={words.payments} payments={rows} />}
      </Part>
      <Part title={words.invoices} list={invoices} csv={of.invoices} name="invoices">
        {(rows) => <Invoices invoices={rows} />}
      </Part>
      <Part title={words.walletEntries} list={wallet} csv={of.wallet} name="wallet">
        {(rows) => <WalletEntries entries={rows} />}
      </Part>
      {mails.data?.mails.length !== 0 && (
        <>
          <Heading title={words.mails} csv={of.mails} name="mails" />
          <Show of={mails} rows={2}>
            {(reply) => <Mails mails={reply.mails} />}
          </Show>
        </>
      )}
      <Part title={words.changes} list={audit} csv={of.audit} name="audit">
        {(rows) => <AuditTable label={words.changes} entries={rows} ofOne />}
      </Part>
      {nothing.length > 0 && <Empty>{words.nothing(nothing)}</Empty>}
      <Notes notes={notes} path={path} reload={reload} />
    </>
  );
}

/** A list with its heading. An empty one is named in the sentence at the end of the page only. */
function Part<T>({
  title,
  list,
  csv,
  name,
  rows,
  children,
}: {
  title: string;
  list: Pages<T>;
  csv: string;
  name: string;
  rows?: number;
  children: (rows: T[]) => ReactNode;
}) {
  if (isEmpty(list)) return null;
  return (
    <>
      <Heading title={title} csv={list.rows.length > 0 && csv} name={name} />
      <Paged list={list} rows={rows}>
        {children}
      </Paged>
    </>
  );
}

function PaymentMethods({ methods }: { methods: Method[] }) {
  return (
    <Table
      label={words.paymentMethods}
      rows={methods}
      id={(row) => row.payment_method_id}
      columns={[
        {
          head: texts.renewals.paysWith,
          cell: (row) => (
            <>
              {nameOf(row)} {row.is_default && <Badge of="ACTIVE">{words.defaultMethod}</Badge>}
            </>
          ),
        },
        {
          head: words.methodExpires,
          cell: (row) => (
            <>
              {row.expiry_month && row.expiry_year ? `${String(row.expiry_month).padStart(2, '0')}/${row.expiry_year}` : texts.none}{' '}
              {words.validity[row.validity] && (
                <Badge of={row.validity === 'EXPIRED' ? 'EXPIRED' : 'PENDING_RENEWAL'}>{words.validity[row.validity]}</Badge>
              )}
            </>
          ),
        },
      ]}
    />
  );
}

function WalletEntries({ entries }: { entries: WalletEntry[] }) {
  return (
    <Table
      label={words.walletEntries}
      rows={entries}
      id={(row) => row.entry_id}
      columns={[
        { head: auditTexts.when, cell: (row) => format.moment(row.at) },
        {
          head: words.entry,
          wide: true,
          cell: (row) => (
            <>
              {word('wallet.type', row.type) ?? row.type}
              <div className="small">{described(row)}</div>
            </>
          ),
        },
        {
          head: texts.alerts.license,
          cell: (row) => (row.subscription_id ? <Link to={`/licenses/${row.subscription_id}/renewals`}>{row.master}</Link> : texts.none),
        },
        { head: texts.renewals.amount, number: true, cell: (row) => format.signed(row.amount_usd) },
        { head: words.balance, number: true, cell: (row) => format.money(row.balance_after_usd) },
      ]}
    />
  );
}

function Invoices({ invoices }: { invoices: Invoice[] }) {
  const file = useAction();
  return (
    <>
      {file.problem && <ProblemBox problem={file.problem} />}
      <Table
        label={words.invoices}
        rows={invoices}
        id={(row) => row.number}
        columns={[
          {
            head: words.number,
            cell: (row) => (
              <>
                {row.number}
                <div className="small">{words.invoiceKind(row.kind, row.corrects)}</div>
              </>
            ),
          },
          { head: auditTexts.when, cell: (row) => format.moment(row.issued_at) },
          {
            head: texts.renewals.amount,
            number: true,
            cell: (row) => format.money(row.kind === 'credit_note' ? -row.gross_usd : row.gross_usd),
          },
          {
            head: words.file,
            cell: (row) => <InvoiceFiles number={row.number} action={file} />,
          },
        ]}
      />
    </>
  );
}

function Mails({ mails }: { mails: Mail[] }) {
  return (
    <Table
      label={words.mails}
      rows={mails}
      id={(row) => row.outbox_id}
      columns={[
        { head: auditTexts.when, cell: (row) => format.moment(row.sent_at ?? row.created_at) },
        {
          head: words.subject,
          wide: true,
          cell: (row) => (
            <>
              {row.subject}
              {row.text && (
                <details className="inline">
                  <summary className="small">{words.showMail}</summary>
                  <pre tabIndex={0} className="lines">
                    {row.text}
                  </pre>
                </details>
              )}
            </>
          ),
        },
        {
          head: texts.alerts.status,
          cell: (row) => (
            <>
              <Badge of={row.state === 'sent' ? 'success' : row.state === 'dead' ? 'failed' : 'pending'}>
                {words.mailStates[row.state] ?? row.state}
              </Badge>
              {row.due_at && <div className="small">{words.nextTry(format.moment(row.due_at))}</div>}
              {row.last_error && <div className="small">{row.last_error}</div>}
            </>
          ),
        },
      ]}
    />
  );
}

function Notes({ notes, path, reload }: { notes: Note[]; path: string; reload: () => void }) {
  const [text, setText] = useState('');
  const action = useAction();
  const add = () =>
    action.run(async () => {
      await call('POST', `${path}/notes`, { text });
      setText('');
      notify(words.noteAdded);
      reload();
    });
  const remove = (note: Note) =>
    action.run(async () => {
      await call('DELETE', `${path}/notes/${note.note_id}`);
      notify(words.noteRemoved);
      reload();
    });
  return (
    <section aria-label={words.notes}>
      <h2>{words.notes}</h2>
      {action.problem && <ProblemBox problem={action.problem} />}
      {notes.length > 0 && (
        <ul className="notes">
          {notes.map((note) => (
            <li key={note.note_id} className="card">
              <p className="lines">{note.text}</p>
              <div className="spread">
                <span className="small">{words.by(note.author ?? texts.someone, format.moment(note.written_at))}</span>
                <Button
                  look="quiet"
                  aria-label={words.removeNoteOf(format.moment(note.written_at))}
                  isDisabled={action.busy}
                  onPress={() => void remove(note)}
                >
                  {words.removeNote}
                </Button>
              </div>
            </li>
          ))}
        </ul>
      )}
      <form
        className="narrow"
        onSubmit={(event) => {
          event.preventDefault();
          void add();
        }}
      >
        <Field label={words.note} help={words.noteHelp} value={text} onChange={setText} rows={2} max={4000} />
        <Button type="submit" isDisabled={!text.trim() || action.busy}>
          {words.addNote}
        </Button>
      </form>
    </section>
  );
}

function Export({ path, id, done }: { path: string; id: string; done: () => void }) {
  const action = useAction();
  const go = () =>
    action
      .run(async () => {
        await saveFile(`${path}/export`, `person-${id}.json`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{}',
        });
        notify(words.exported);
        done();
      })
      .then((fine) => fine || notify(t('file.failed')));
  return (
    <Button onPress={() => void go()} isPending={action.busy}>
      {words.export}
    </Button>
  );
}

type Erasure = { rows: Record<string, number>; kept: Record<string, number>; tell_provider: string[] };

/** Shows what an erasure would delete. The typed mail address confirms it. */
function Erase({ customer, path, done }: { customer: Customer; path: string; done: () => void }) {
  const [preview, setPreview] = useState<Erasure>();
  const [typed, setTyped] = useState('');
  const [reason, setReason] = useState('');
  const [told, setTold] = useState<string[]>([]);
  const asking = useAction();
  const erasing = useAction();
  const close = () => {
    setPreview(undefined);
    setTyped('');
    erasing.clear();
  };
  const ask = () => asking.run(async () => setPreview(await call<Erasure>('POST', `${path}/erase/preview`)));
  const erase = () =>
    erasing.run(async () => {
      const erased = await call<Erasure>('POST', `${path}/erase`, { email: typed.trim(), reason: reason.trim() });
      notify(words.isErased);
      close();
      if (erased.tell_provider.length > 0) setTold(erased.tell_provider);
      else done();
    });
  const rows = Object.entries(preview?.rows ?? {}).filter(([, count]) => count > 0);
  return (
    <>
      <Button onPress={() => void ask()} isPending={asking.busy}>
        {words.erase}
      </Button>
      {asking.problem && <ProblemBox problem={asking.problem} />}
      {preview && (
        <Confirm
          open
          title={words.eraseTitle}
          text={words.eraseText}
          go={words.eraseNow}
          look="danger"
          busy={erasing.busy}
          problem={erasing.problem}
          disabled={typed.trim().toLowerCase() !== customer.email || !reason.trim()}
          onClose={close}
          onGo={() => void erase()}
        >
          <h3>{words.eraseRows}</h3>
          {rows.length === 0 ? (
            <p>{words.eraseNothing}</p>
          ) : (
            <ul className="columns">
              {rows.map(([table, count]) => (
                <li key={table}>
                  {words.erasedRows[table] ?? table.replaceAll('_', ' ')}: {format.number(count)}
                </li>
              ))}
            </ul>
          )}
          {(preview.kept.invoices ?? 0) > 0 && (
            <p>{words.eraseKept(preview.kept.invoices!, preview.kept.invoices_with_mail_address ?? 0)}</p>
          )}
          <Provider customers={preview.tell_provider} />
          <Field label={words.typeAddress(customer.email)} value={typed} onChange={setTyped} max={255} auto />
          <Field label={all.reason} value={reason} onChange={setReason} max={500} />
        </Confirm>
      )}
      {told.length > 0 && (
        <Confirm open alone title={words.isErased} go={all.results.close} busy={false} onClose={done} onGo={done}>
          <Provider customers={told} />
        </Confirm>
      )}
    </>
  );
}

function Provider({ customers }: { customers: string[] }) {
  return (
    customers.length > 0 && (
      <p>
        {words.tellProvider}{' '}
        {customers.map((one) => (
          <code key={one}>{one} </code>
        ))}
      </p>
    )
  );
}
