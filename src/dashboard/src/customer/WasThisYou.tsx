import { useState } from 'react';
import { call, useAction } from '../api';
import { format } from '../format';
import { language, t, word } from '../language';
import { Link } from '../router';
import { useSession } from '../session';
import { Button, Facts, ProblemBox, Table } from '../ui/kit';
import { Done, MailPage } from './MailPage';
import { say, type Summary } from './summary';

type Device = {
  ea_instance_id: string | null;
  mt5_account_number: number | null;
  city: string | null;
  country: string | null;
  first_at: string;
  last_at: string;
};
type Question = {
  subscription_id: string | null;
  master: string | null;
  detected_at: string;
  activity_type: string;
  description: string | null;
  summary: Summary | null;
  /** Undefined from an earlier backend. */
  devices?: Device[];
  can_answer: boolean;
};

const ask = (token: string, confirm: boolean) =>
  call<{ trusted: boolean; question: Question | null }>('POST', '/api/v1/licenses/alerts/confirm', { token, confirm });

export default function WasThisYou() {
  const [trusted, setTrusted] = useState<boolean>();
  const action = useAction();
  const isSignedIn = useSession() !== null;
  return (
    <MailPage<Question>
      title={t('wasThisYou.title')}
      badText={t('wasThisYou.badText')}
      rows={3}
      read={async (token) => (await ask(token, false)).question!}
      isOver={(question) => !question.can_answer}
    >
      {(question, token) =>
        trusted !== undefined ? (
          <Done>{trusted ? t('wasThisYou.trusted') : t('wasThisYou.noted')}</Done>
        ) : (
          <>
            <p>{t('wasThisYou.text')}</p>
            <Facts
              rows={[
                ...(question.master ? [[t('confirm.license'), question.master] as [string, string]] : []),
                [t('activityPage.column.when'), format.moment(question.detected_at)],
                [t('activityPage.column.what'), seen(question)],
              ]}
            />
            {question.devices && question.devices.length > 0 && <Devices of={question.devices} />}
            {action.problem && <ProblemBox problem={action.problem} />}
            <div className="actions">
              <Button
                look="main"
                isPending={action.busy}
                onPress={() => void action.run(async () => setTrusted((await ask(token, true)).trusted))}
              >
                {t('wasThisYou.yes')}
              </Button>
              <Link className="button" to={question.subscription_id ? `/licenses/${question.subscription_id}/activity` : '/'}>
                {t('wasThisYou.no')}
              </Link>
            </div>
            {!isSignedIn && <p className="small">{t('wasThisYou.noText')}</p>}
          </>
        )
      }
    </MailPage>
  );
}

/** The devices that the question is about, those that were used last first. */
function Devices({ of }: { of: Device[] }) {
  return (
    <>
      <h2>{t('activityPage.used')}</h2>
      <Table
        label={t('activityPage.used')}
        rows={[...of].sort((a, b) => Date.parse(b.last_at) - Date.parse(a.last_at))}
        id={(row) => `${row.ea_instance_id} ${row.mt5_account_number}`}
        columns={[
          {
            head: t('devices.device'),
            cell: (row) => (
              <>
                {row.ea_instance_id ?? t('wasThisYou.unnamed')}
                {row.mt5_account_number !== null && (
                  <div className="small">{t('activityPage.account', { account: String(row.mt5_account_number) })}</div>
                )}
              </>
            ),
          },
          {
            head: t('devices.location'),
            cell: (row) => (
              <>
                {format.location(row.city, row.country)}
                <div className="small">
                  {t('activityPage.fromTo', { from: format.moment(row.first_at), to: format.moment(row.last_at) })}
                </div>
              </>
            ),
          },
        ]}
      />
    </>
  );
}

const seen = ({ summary, description, activity_type }: Question) =>
  (summary && say(summary)) ??
  (language.get() === 'en' ? description : undefined) ??
  word('activityPage.about', activity_type) ??
  activity_type;
