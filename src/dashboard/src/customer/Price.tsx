import { useEffect, useState } from 'react';
import { Link } from 'react-router';
import { call, Problem, useAction } from '../api';
import { useSession } from '../session';
import { format } from '../format';
import { t, word } from '../language';
import { Button, Facts, PageTitle, ProblemBox, Skeleton } from '../ui/kit';

type Question = {
  master: string | null;
  amount_usd: number | null;
  debt_usd: number;
  old_amount_usd: number | null;
  pays_with: string | null;
  brand: string | null;
  last_four: string | null;
  expires_at: string;
  accepted: boolean;
};

/** The page behind the link in the email. Opening it only shows the price, because mail scanners open links, too. */
export default function Price() {
  const [token] = useState(() => location.hash.slice(1));
  const [question, setQuestion] = useState<Question>();
  const [problem, setProblem] = useState<Problem | undefined>(token ? undefined : new Problem(0, 'NO_TOKEN', t('price.noToken')));
  const action = useAction();
  const isSignedIn = useSession() !== null;
  // If the price changed after it was shown, the answer has the new one, and the customer is asked again.
  const ask = (accept: boolean) =>
    call<Question>('POST', '/api/v1/renewals/price-consent', { token, accept, amount_usd: question?.amount_usd }).then(setQuestion);
  const load = () => {
    setProblem(undefined);
    ask(false).catch((failure: Problem) => setProblem(failure));
  };
  useEffect(() => {
    if (token) load();
  }, [token]);
  return (
    <div className="entry card">
      <PageTitle title={t(problem && !mayPass(problem) ? 'price.badTitle' : 'price.title')} />
      {problem && mayPass(problem) ? (
        <ProblemBox problem={problem} again={load} />
      ) : problem ? (
        <>
          <p>{t('price.badText')}</p>
          <div className="actions">
            <Link className="button main" to="/">
              {t(isSignedIn ? 'notFound.home' : 'price.signIn')}
            </Link>
          </div>
        </>
      ) : !question ? (
        <Skeleton rows={2} />
      ) : question.accepted ? (
        <>
          <p className="notice good" role="status">
            {t('price.accepted', { amount: format.money(question.amount_usd) })}
          </p>
          <Link to="/">{t('notFound.home')}</Link>
        </>
      ) : (
        <>
          <p>{t('price.text')}</p>
          <Facts
            rows={[
              ...(question.master ? [[t('confirm.license'), question.master] as [string, string]] : []),
              [t('renewals.expires'), format.day(question.expires_at)],
              // The price so far may not be known.
              ...(question.old_amount_usd === null ? [] : [[t('price.old'), format.money(question.old_amount_usd)] as [string, string]]),
              [t('price.new'), format.money(question.amount_usd)],
              [t('renewals.paysWith'), means(question)],
            ]}
          />
          {question.debt_usd > 0 && <p>{t('price.debt', { amount: format.money(question.debt_usd) })}</p>}
          <p className="small">{t('price.later')}</p>
          {action.problem && <ProblemBox problem={action.problem} />}
          <div className="actions">
            <Button look="main" isPending={action.busy} onPress={() => void action.run(() => ask(true))}>
              {t('price.accept')}
            </Button>
          </div>
        </>
      )}
    </div>
  );
}

const means = ({ pays_with, brand, last_four }: Question) =>
  brand === 'paypal'
    ? format.brand(brand)
    : last_four
      ? t('cards.short', { brand: format.brand(brand), four: last_four })
      : pays_with
        ? (word('renewals.with', pays_with) ?? pays_with)
        : t('renewals.cannotPay');

/** Whether the link may work later: the server or the connection failed, not the link. */
export const mayPass = ({ status, code }: Problem) => code === 'OFFLINE' || status === 429 || status >= 500;
