import { useState } from 'react';
import { Link } from 'react-router';
import { call, useAction, useLoad } from '../api';
import { format } from '../format';
import { texts } from '../texts';
import { Button, Confirm, Field, notify, Show, Table } from '../ui/kit';

type Case = {
  case_id: string;
  reason: string;
  subject: string;
  subscription_id: string | null;
  user_id: string | null;
  amount_minor: number | null;
  currency: string | null;
  detail: string;
  opened_at: string;
  decision: string | null;
};
type Dispute = {
  reversal_id: string;
  provider_id: string;
  state: string;
  amount_minor: number;
  currency: string;
  reason: string | null;
  evidence_due_at: string | null;
  changed_at: string;
  subscription_id: string | null;
};

const words = texts.payments;

const amount = (minor: number | null, currency: string | null) =>
  minor === null ? texts.none : `${(minor / 100).toFixed(2)} ${(currency ?? 'usd').toUpperCase()}`;

const license = (id: string | null) => (id ? <Link to={`/licenses/${id}/renewals`}>{id.slice(0, 8)}</Link> : texts.none);

/** Payments that can't be applied. */
export function PaymentCases() {
  const cases = useLoad<{ cases: Case[] }>('/api/v1/payments/cases', 60);
  return (
    <>
      <h2>{words.cases}</h2>
      <Show of={cases} rows={1}>
        {(list) => <Cases cases={list.cases.filter((one) => one.decision === null)} reload={cases.reload} />}
      </Show>
    </>
  );
}

function Cases({ cases, reload }: { cases: Case[]; reload: () => void }) {
  const [asked, setAsked] = useState<Case>();
  const [credits, setCredits] = useState(false);
  const [reason, setReason] = useState('');
  const action = useAction();
  if (cases.length === 0 && !asked) return <p>{words.noCases}</p>;
  return (
    <>
      <Table
        label={words.cases}
        rows={cases}
        id={(row) => row.case_id}
        columns={[
          { head: words.since, cell: (row) => format.moment(row.opened_at) },
          { head: words.what, cell: (row) => row.detail },
          { head: words.subject, cell: (row) => <code>{row.subject}</code> },
          { head: texts.renewals.amount, number: true, cell: (row) => amount(row.amount_minor, row.currency) },
          { head: texts.alerts.license, cell: (row) => license(row.subscription_id) },
          { head: texts.renewals.result, cell: (row) => <Button onPress={() => setAsked(row)}>{words.decide}</Button> },
        ]}
      />
      <Confirm
        open={asked !== undefined}
        title={words.decideTitle}
        text={words.decideText}
        go={credits ? words.credit : words.dismiss}
        busy={action.busy}
        problem={action.problem}
        disabled={!reason.trim()}
        onClose={() => {
          setAsked(undefined);
          action.clear();
        }}
        onGo={() =>
          void action
            .run(async () => {
              await call('POST', `/api/v1/payments/cases/${asked!.case_id}/decision`, {
                action: credits ? 'credit' : 'dismiss',
                reason: reason.trim(),
              });
              notify(words.decided);
              reload();
            })
            .then((done) => done && setAsked(undefined))
        }
      >
        <label className="check">
          <input type="radio" name="credits" checked={!credits} onChange={() => setCredits(false)} />
          {words.dismiss}
        </label>
        <label className="check">
          <input type="radio" name="credits" checked={credits} onChange={() => setCredits(true)} />
          {words.credit}
        </label>
        <Field label={texts.operatorRenewals.note} value={reason} onChange={setReason} max={500} />
      </Confirm>
    </>
  );
}

/** Disputes with their deadlines; the evidence is prefilled. */
export function Disputes() {
  const disputes = useLoad<{ disputes: Dispute[] }>('/api/v1/payments/disputes', 60);
  const [shown, setShown] = useState<Dispute>();
  return (
    <>
      <h2>{words.disputes}</h2>
      <Show of={disputes} rows={1}>
        {(list) =>
          list.disputes.length === 0 ? (
            <p>{words.noDisputes}</p>
          ) : (
            <Table
              label={words.disputes}
              rows={list.disputes}
              id={(row) => row.reversal_id}
              columns={[
                { head: words.state, cell: (row) => words.states[row.state] ?? row.state },
                { head: words.deadline, cell: (row) => (row.state === 'open' ? format.moment(row.evidence_due_at) : texts.none) },
                { head: texts.renewals.amount, number: true, cell: (row) => amount(row.amount_minor, row.currency) },
                { head: texts.health.reason, cell: (row) => row.reason },
                { head: words.subject, cell: (row) => <code>{row.provider_id}</code> },
                { head: texts.alerts.license, cell: (row) => license(row.subscription_id) },
                {
                  head: words.evidence,
                  cell: (row) => row.subscription_id && <Button onPress={() => setShown(row)}>{words.show}</Button>,
                },
              ]}
            />
          )
        }
      </Show>
      {shown && <Evidence key={shown.reversal_id} dispute={shown} />}
    </>
  );
}

function Evidence({ dispute }: { dispute: Dispute }) {
  const evidence = useLoad<{ text: string }>(`/api/v1/payments/disputes/${dispute.reversal_id}/evidence`);
  return (
    <Show of={evidence} rows={4}>
      {(reply) => (
        <>
          <h3>{words.evidenceOf(dispute.provider_id)}</h3>
          <pre>{reply.text}</pre>
          <Button onPress={() => void navigator.clipboard.writeText(reply.text).then(() => notify(words.copied))}>{words.copy}</Button>
        </>
      )}
    </Show>
  );
}
