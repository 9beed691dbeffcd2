import { useEffect, useState } from 'react';
import { Link } from 'react-router';
import { call, Problem, useAction } from '../api';
import { format } from '../format';
import { language, t, word } from '../language';
import { useSession } from '../session';
import { Button, Facts, PageTitle, ProblemBox, Skeleton } from '../ui/kit';
import { mayPass } from './Price';
import { say, type Summary } from './summary';

type Question = {
  subscription_id: string | null;
  master: string | null;
  detected_at: string;
  activity_type: string;
  description: string | null;
  summary: Summary | null;
  can_answer: boolean;
};

/** The page behind the link in the email. Nothing is confirmed before the click, because mail scanners open links, too. */
export default function WasThisYou() {
  const [token] = useState(() => location.hash.slice(1));
  const [question, setQuestion] = useState<Question>();
  const [problem, setProblem] = useState<Problem | undefined>(token ? undefined : new Problem(0, 'NO_TOKEN', t('price.noToken')));
  const [trusted, setTrusted] = useState<boolean>();
  const action = useAction();
  const isSignedIn = useSession() !== null;
  const ask = (confirm: boolean) =>
    call<{ trusted: boolean; question: Question | null }>('POST', '/api/v1/licenses/alerts/confirm', { token, confirm });
  const load = () => {
    setProblem(undefined);
    ask(false).then(
      (reply) => setQuestion(reply.question ?? undefined),
      (failure: Problem) => setProblem(failure),
    );
  };
  useEffect(() => {
    if (token) load();
  }, [token]);
  const isBad = (problem && !mayPass(problem)) || question?.can_answer === false;
  return (
    <div className="entry card">
      <PageTitle title={t(isBad ? 'price.badTitle' : 'wasThisYou.title')} />
      {trusted !== undefined ? (
        <>
          <p className="notice good" role="status">
            {trusted ? t('wasThisYou.trusted') : t('wasThisYou.noted')}
          </p>
          <Link to="/">{t('notFound.home')}</Link>
        </>
      ) : isBad ? (
        <>
          <p>{t('wasThisYou.badText')}</p>
          <div className="actions">
            <Link className="button main" to="/">
              {t(isSignedIn ? 'notFound.home' : 'price.signIn')}
            </Link>
          </div>
        </>
      ) : problem ? (
        <ProblemBox problem={problem} again={load} />
      ) : !question ? (
        <Skeleton rows={3} />
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
          {action.problem && <ProblemBox problem={action.problem} />}
          <div className="actions">
            <Button look="main" isPending={action.busy} onPress={() => void action.run(async () => setTrusted((await ask(true)).trusted))}>
              {t('wasThisYou.yes')}
            </Button>
            <Link className="button" to={question.subscription_id ? `/licenses/${question.subscription_id}/activity` : '/'}>
              {t('wasThisYou.no')}
            </Link>
          </div>
          {!isSignedIn && <p className="small">{t('wasThisYou.noText')}</p>}
        </>
      )}
    </div>
  );
}

const seen = ({ summary, description, activity_type }: Question) =>
  (summary && say(summary)) ??
  (language.get() === 'en' ? description : undefined) ??
  word('activityPage.about', activity_type) ??
  activity_type;
