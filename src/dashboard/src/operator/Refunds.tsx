import { useState } from 'react';
import { call, useAction, useLoad } from '../api';
import { Heading } from '../files';
import { format } from '../format';
import { Link } from '../router';
import { Badge, Button, Confirm, Empty, Facts, Field, Mail, notify, Show, Table } from '../ui/kit';
import { Choices } from './Decide';
import { texts } from './pageTexts';
import { refundTexts } from './refundTexts';
import { renewalTexts } from './renewalTexts';

type Payment = {
  renewal_id: string;
  amount_usd: number;
  paid_with: string;
  /** Null if it is not known; undefined from an earlier backend. */
  card_brand?: string | null;
  card_last_four?: string | null;
  charge_id: string | null;
  paid_at: string | null;
  paid_until: string;
  refunded_usd: number;
  charged_back_usd: number;
  requested_usd: number;
  is_disputed: boolean;
};
type Refund = {
  refund_id: string;
  subscription_id: string;
  email: string;
  amount_usd: number;
  to: string;
  period: string;
  reason: string;
  state: string;
  code: string | null;
  detail: string | null;
  requested_at: string;
};
type Preview = {
  amount_usd: number;
  refundable_usd: number;
  to: string;
  period: string;
  expires_at: string | null;
  expires_at_after: string | null;
  auto_renew: boolean;
  auto_renew_after: boolean;
  mail_subject: string;
  mail_text: string;
};

const words = refundTexts;

const paidWith = ({ paid_with, card_brand, card_last_four }: Payment) =>
  card_brand ? format.card(card_brand, card_last_four ?? null) : (texts.renewals.with[paid_with] ?? paid_with);

/** Refunds of all licenses that operators requested. */
export function Refunds() {
  const refunds = useLoad<{ refunds: Refund[] }>('/api/v1/payments/refunds', 60);
  return (
    <>
      <Heading title={words.title} csv={(refunds.data?.refunds.length ?? 0) > 0 && '/api/v1/payments/refunds'} name="refunds" />
      <Show of={refunds} rows={1}>
        {(list) => (list.refunds.length === 0 ? <Empty>{words.none}</Empty> : <RefundTable refunds={list.refunds} withLicense />)}
      </Show>
    </>
  );
}

/** The payments of one license, with their refunds. */
export function Payments({ license, reload }: { license: string; reload: () => void }) {
  const list = useLoad<{ payments: Payment[]; refunds: Refund[] }>(`/api/v1/licenses/${license}/payments`, 60);
  const [asked, setAsked] = useState<Payment>();
  return (
    <section>
      <h2>{words.payments}</h2>
      <Show of={list} rows={1}>
        {({ payments, refunds }) => (
          <>
            {payments.length === 0 ? (
              <Empty>{words.noPayments}</Empty>
            ) : (
              <Table
                label={words.payments}
                rows={payments}
                id={(row) => row.renewal_id}
                columns={[
                  { head: texts.renewals.when, cell: (row) => format.moment(row.paid_at) },
                  { head: words.charge, cell: (row) => (row.charge_id ? <code className="id">{row.charge_id}</code> : texts.none) },
                  { head: texts.renewals.amount, number: true, cell: (row) => format.money(row.amount_usd) },
                  { head: texts.renewals.paysWith, cell: paidWith },
                  { head: words.until, cell: (row) => format.day(row.paid_until) },
                  {
                    head: words.refunded,
                    number: true,
                    cell: (row) => (
                      <>
                        {row.refunded_usd > 0 ? format.money(row.refunded_usd) : texts.none}
                        {row.requested_usd > 0 && <div className="small">{words.requested(format.money(row.requested_usd))}</div>}
                        {row.charged_back_usd > 0 && <div className="small">{words.chargedBack(format.money(row.charged_back_usd))}</div>}
                      </>
                    ),
                  },
                  {
                    head: texts.renewals.action,
                    cell: (row) =>
                      row.is_disputed ? (
                        words.disputed
                      ) : row.refunded_usd + row.charged_back_usd >= row.amount_usd ? (
                        words.refundedAll
                      ) : (
                        <Button onPress={() => setAsked(row)}>{words.refund}</Button>
                      ),
                  },
                ]}
              />
            )}
            {refunds.length > 0 && (
              <>
                <h3>{words.title}</h3>
                <RefundTable refunds={refunds} />
              </>
            )}
          </>
        )}
      </Show>
      {asked && (
        <RefundDialog
          key={asked.renewal_id}
          payment={asked}
          onClose={() => setAsked(undefined)}
          onDone={() => {
            list.reload();
            reload();
          }}
        />
      )}
    </section>
  );
}

function RefundTable({ refunds, withLicense = false }: { refunds: Refund[]; withLicense?: boolean }) {
  return (
    <Table
      label={words.title}
      rows={refunds}
      id={(row) => row.refund_id}
      columns={[
        { head: texts.renewals.when, cell: (row) => format.moment(row.requested_at) },
        { head: texts.renewals.amount, number: true, cell: (row) => format.money(row.amount_usd) },
        { head: words.to, cell: (row) => texts.renewals.with[row.to] ?? row.to },
        {
          head: words.state,
          cell: (row) => (
            <>
              <Badge of={row.state}>{words.states[row.state] ?? row.state}</Badge>
              {row.state !== 'succeeded' && row.code && <div className="small">{row.detail ?? format.reasonAlone(row.code)}</div>}
            </>
          ),
        },
        { head: words.period, cell: (row) => words.periods[row.period] ?? row.period },
        { head: texts.health.reason, cell: (row) => row.reason },
        ...(withLicense
          ? [
              {
                head: renewalTexts.email,
                cell: (row: Refund) => (
                  <Link to={`/licenses/${row.subscription_id}/renewals`}>
                    <Mail of={row.email} />
                  </Link>
                ),
              },
            ]
          : []),
      ]}
    />
  );
}

/** Asks for amount, period and reason, shows what the refund would do, and then makes it. */
function RefundDialog({ payment, onClose, onDone }: { payment: Payment; onClose: () => void; onDone: () => void }) {
  const [amount, setAmount] = useState('');
  const [period, setPeriod] = useState('');
  const [reason, setReason] = useState('');
  const [preview, setPreview] = useState<Preview>();
  const action = useAction();
  const path = `/api/v1/payments/${payment.renewal_id}/refund`;
  const order = {
    amount_usd: amount.trim() ? format.typed(amount) : null,
    period: period || null,
    reason: reason.trim(),
  };
  const change = (set: (value: string) => void) => (value: string) => {
    set(value);
    setPreview(undefined);
    action.clear();
  };

  async function go() {
    if (!preview) {
      setPreview(await call<Preview>('POST', `${path}/preview`, order));
      return;
    }

    const refund = await call<Refund>('POST', path, { ...order, amount_usd: preview.amount_usd, refundable_usd: preview.refundable_usd });
    notify(refund.state === 'requested' ? words.isRequested : words.isMade);
    onDone();
    onClose();
  }

  return (
    <Confirm
      open
      title={words.refundTitle(format.money(payment.amount_usd))}
      go={preview ? words.refundNow(format.money(preview.amount_usd)) : words.preview}
      look={preview ? 'danger' : 'main'}
      busy={action.busy}
      problem={action.problem}
      disabled={!reason.trim() || Number.isNaN(order.amount_usd)}
      onClose={onClose}
      onGo={() => void action.run(go)}
    >
      <Facts
        rows={[
          [texts.renewals.when, format.moment(payment.paid_at)],
          [words.charge, payment.charge_id ? <code className="id">{payment.charge_id}</code> : texts.renewals.with[payment.paid_with]],
        ]}
      />
      <Field
        label={words.amount}
        help={Number.isNaN(order.amount_usd) ? words.amountInvalid : words.amountHelp}
        value={amount}
        onChange={change(setAmount)}
        max={12}
        auto
      />
      <p>{words.period}</p>
      <Choices name={words.period} value={period} options={words.choices} onChange={change(setPeriod)} />
      <Field label={renewalTexts.note} value={reason} onChange={change(setReason)} max={500} />
      {preview && (
        <section
          aria-label={words.preview}
          className="notice fair"
          // It is below the fields, perhaps out of view.
          ref={(shown) => shown?.scrollIntoView({ block: 'nearest' })}
        >
          <Facts
            rows={[
              [words.amount, `${format.money(preview.amount_usd)} (${words.of(format.money(preview.refundable_usd))})`],
              [words.to, texts.renewals.with[preview.to] ?? preview.to],
              [words.validUntil, arrow(format.moment(preview.expires_at), format.moment(preview.expires_at_after))],
              [texts.renewals.auto, arrow(onOff(preview.auto_renew), onOff(preview.auto_renew_after))],
            ]}
          />
          <p>{words.mail}</p>
          <blockquote>
            <strong>{preview.mail_subject}</strong>
            <p className="lines">{preview.mail_text.trim()}</p>
          </blockquote>
        </section>
      )}
    </Confirm>
  );
}

const onOff = (on: boolean) => (on ? words.on : words.off);

const arrow = (before: string, after: string) => (before === after ? before : `${before} → ${after}`);
