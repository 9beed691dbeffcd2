import { useCallback, useState } from 'react';
import { call, useAction, useLoad } from '../api';
import { Heading } from '../files';
import { format } from '../format';
import { Link } from '../router';
import { Badge, Button, Confirm, Empty, Facts, Field, Mail, notify, Show, Table } from '../ui/kit';
import { caseTexts } from './caseTexts';
import { Decide } from './Decide';
import { texts } from './pageTexts';

export type PaymentCase = {
  case_id: string;
  reason: string;
  subject: string;
  subscription_id: string | null;
  user_id: string | null;
  email: string | null;
  amount_minor: number | null;
  currency: string | null;
  detail: string;
  opened_at: string;
  decision: string | null;
  decided_at: string | null;
  decided_by: string | null;
  decided_by_email: string | null;
  decided_why: string | null;
  can_credit: boolean;
};
export type Dispute = {
  reversal_id: string;
  provider_id: string;
  state: string;
  amount_minor: number;
  currency: string;
  reason: string | null;
  evidence_due_at: string | null;
  changed_at: string;
  subscription_id: string | null;
  email: string | null;
  evidence_state: string | null;
};
type EvidenceReply = {
  due_at: string | null;
  state: string;
  text: string;
  can_send: boolean;
  code: string | null;
  detail: string | null;
};

const words = caseTexts;

/** The id of the payment or dispute that a mail links to; empty for a link to a list. */
const linked = () => /^#([0-9a-f-]{36})$/.exec(location.hash)?.[1] ?? '';

/** What a mail links to may be decided meanwhile: then who decided it, when and how. */
export function LinkedDecision({ cases, disputes }: { cases: PaymentCase[]; disputes: Dispute[] }) {
  const id = linked();
  const concern = cases.find((row) => row.case_id === id);
  const dispute = disputes.find((row) => row.reversal_id === id);
  if (!id || (concern && concern.decision === null) || dispute?.state === 'open') return null;
  return (
    <div className="notice fair" role="status">
      {dispute ? (
        words.disputeDecided(format.moment(dispute.changed_at), words.states[dispute.state] ?? dispute.state)
      ) : !concern ? (
        words.notListed
      ) : (
        <>
          {words.caseDecided(
            concern.decided_by && (concern.decided_by_email ?? texts.someone),
            format.moment(concern.decided_at),
            words.decisions[concern.decision!] ?? concern.decision!,
          )}
          {concern.decided_why && <div className="small">{concern.decided_why}</div>}
          {concern.subscription_id && (
            <div className="small">
              {words.customer}: {license(concern)}
            </div>
          )}
        </>
      )}
    </div>
  );
}

/** The license, named by its customer. */
const license = (row: { subscription_id: string | null; email: string | null }) =>
  row.subscription_id ? (
    <Link to={`/licenses/${row.subscription_id}/renewals`}>
      <Mail of={row.email} />
    </Link>
  ) : (
    texts.none
  );

/** Payments that can't be applied. */
export function PaymentCases({ cases, reload }: { cases: PaymentCase[]; reload: () => void }) {
  const [chosen, setChosen] = useState<PaymentCase | null>();
  // What a link names is open until it is closed here.
  const asked = chosen === undefined ? cases.find((row) => row.case_id === linked()) : chosen;
  if (cases.length === 0 && !asked) return null;
  return (
    <>
      <Heading id="cases" title={words.cases} csv="/api/v1/payments/cases" name="payments-to-decide" />
      <Table
        label={words.cases}
        rows={cases}
        id={(row) => row.case_id}
        columns={[
          // In front, so that it is in view beside a long ID.
          { head: texts.renewals.action, cell: (row) => <Button onPress={() => setChosen(row)}>{words.decide}</Button> },
          { head: words.since, cell: (row) => format.moment(row.opened_at) },
          { head: words.what, wide: true, cell: (row) => row.detail },
          { head: words.subject, cell: (row) => <code className="id">{row.subject}</code> },
          { head: texts.renewals.amount, number: true, cell: (row) => format.amount(row.amount_minor, row.currency) },
          { head: words.customer, cell: license },
        ]}
      />
      {asked && (
        <Decide
          key={asked.case_id}
          title={words.decideTitle}
          text={words.decideText}
          choices={[['dismiss', words.dismiss], ...(asked.can_credit ? [['credit', words.credit] as [string, string]] : [])]}
          about={[
            [words.what, asked.detail],
            [words.about, <code className="id">{asked.subject}</code>],
            [texts.renewals.amount, format.amount(asked.amount_minor, asked.currency)],
            [words.customer, license(asked)],
          ]}
          send={async (action, reason) => {
            await call('POST', `/api/v1/payments/cases/${asked.case_id}/decision`, { action, reason });
            notify(words.decided);
            reload();
          }}
          onClose={() => setChosen(null)}
        />
      )}
    </>
  );
}

/** Disputes with their deadlines; the evidence is prefilled, and sent from here. Decided ones are folded. */
export function Disputes({ disputes, reload }: { disputes: Dispute[]; reload: () => void }) {
  const [shown, setShown] = useState<Dispute>();
  const opened = shown ?? disputes.find((row) => row.reversal_id === linked() && row.subscription_id);
  const open = disputes.filter((row) => row.state === 'open');
  const decided = disputes.filter((row) => row.state !== 'open');
  if (disputes.length === 0) return null;
  return (
    <>
      <Heading id="disputes" title={words.disputes} csv="/api/v1/payments/disputes" name="disputes" />
      {open.length === 0 ? <Empty>{words.noDisputes}</Empty> : <DisputeTable label={words.disputes} disputes={open} show={setShown} />}
      {decided.length > 0 && (
        <details>
          <summary>{words.decidedDisputes(decided.length)}</summary>
          <DisputeTable label={words.decidedDisputes(decided.length)} disputes={decided} show={setShown} />
        </details>
      )}
      {opened && <Evidence key={opened.reversal_id} dispute={opened} isLinked={!shown} reload={reload} />}
    </>
  );
}

function DisputeTable({ label, disputes, show }: { label: string; disputes: Dispute[]; show: (dispute: Dispute) => void }) {
  return (
    <Table
      label={label}
      rows={disputes}
      id={(row) => row.reversal_id}
      columns={[
        {
          // In front, so that it is in view on a phone.
          head: words.evidence,
          cell: (row) =>
            row.subscription_id ? (
              <Button onPress={() => show(row)}>
                {row.evidence_state ? words.evidenceStates[row.evidence_state] : row.state === 'open' ? words.write : words.show}
              </Button>
            ) : (
              <div className="small">{words.noEvidence}</div>
            ),
        },
        { head: words.state, cell: (row) => <Badge of={row.state}>{words.states[row.state] ?? row.state}</Badge> },
        {
          head: words.deadline,
          cell: (row) => (row.state === 'open' ? <Deadline at={row.evidence_due_at} isSent={row.evidence_state === 'sent'} /> : texts.none),
        },
        { head: texts.renewals.amount, number: true, cell: (row) => format.amount(row.amount_minor, row.currency) },
        { head: texts.health.reason, cell: (row) => row.reason && format.reasonAlone(row.reason) },
        { head: words.subject, cell: (row) => <code className="id">{row.provider_id}</code> },
        { head: words.customer, cell: license },
      ]}
    />
  );
}

/** A deadline within this time is marked, as operators get a mail about it. */
const soonMs = 3 * 86_400_000;

/** Until when evidence is accepted, and how much time is left. */
function Deadline({ at, isSent }: { at: string | null; isSent: boolean }) {
  if (at === null) return texts.none;
  const left = Date.parse(at) - Date.now();
  return (
    <>
      {format.moment(at)}
      {!isSent && (
        <div>
          {left <= 0 ? (
            <Badge of="lost">{words.deadlinePassed}</Badge>
          ) : (
            <Badge of={left < soonMs ? 'open' : 'pending'}>{words.left(format.ago(at))}</Badge>
          )}
        </div>
      )}
    </>
  );
}

function Evidence({ dispute, isLinked, reload }: { dispute: Dispute; isLinked: boolean; reload: () => void }) {
  const scroll = useCallback((section: HTMLElement | null) => void (isLinked && section?.scrollIntoView()), [isLinked]);
  const path = `/api/v1/payments/disputes/${dispute.reversal_id}/evidence`;
  const evidence = useLoad<EvidenceReply>(path);
  const [edited, setEdited] = useState<string>();
  const [asking, setAsking] = useState(false);
  const action = useAction();
  const send = (text: string) =>
    action.run(async () => {
      const reply = await call<EvidenceReply>('POST', path, { text });
      notify(reply.state === 'sent' ? words.evidenceSent : words.evidenceRequested);
      evidence.reload();
      reload();
    });
  return (
    <Show of={evidence} rows={4}>
      {(reply) => {
        const text = edited ?? reply.text;
        return (
          <section ref={scroll} className="card" aria-label={words.evidenceOf(dispute.provider_id)}>
            <h3>{words.evidenceOf(dispute.provider_id)}</h3>
            <Facts
              rows={[
                [words.state, words.evidenceStates[reply.state] ?? reply.state],
                [words.deadline, <Deadline at={reply.due_at} isSent={reply.state === 'sent'} />],
              ]}
            />
            {reply.state === 'refused' && reply.detail && <p className="notice poor">{reply.detail}</p>}
            {reply.can_send ? (
              <>
                <Field label={words.evidenceText} help={words.evidenceHelp} value={text} onChange={setEdited} max={20_000} rows={14} />
                <div className="actions">
                  <Button look="main" isDisabled={!text.trim()} onPress={() => setAsking(true)}>
                    {words.sendEvidence}
                  </Button>
                </div>
              </>
            ) : (
              <p className="lines">{reply.text}</p>
            )}
            <Confirm
              open={asking}
              title={words.sendTitle}
              text={words.sendText}
              go={words.sendNow}
              busy={action.busy}
              problem={action.problem}
              onClose={() => {
                setAsking(false);
                action.clear();
              }}
              onGo={() => void send(text).then((done) => done && setAsking(false))}
            />
          </section>
        );
      }}
    </Show>
  );
}
