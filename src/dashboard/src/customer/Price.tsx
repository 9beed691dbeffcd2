import { useEffect, useState } from 'react';
import { Link } from 'react-router';
import { call, Problem, useAction } from '../api';
import { format } from '../format';
import { texts } from '../texts';
import { Button, PageTitle, ProblemBox, Skeleton } from '../ui/kit';

type Question = {
  master: string | null;
  amount_usd: number | null;
  debt_usd: number;
  old_amount_usd: number | null;
  pays_with: string | null;
  last_four: string | null;
  expires_at: string;
  accepted: boolean;
};

/** The page behind the link in the email. Opening it only shows the price, because mail scanners open links, too. */
export default function Price() {
  const [token] = useState(() => location.hash.slice(1));
  const [question, setQuestion] = useState<Question>();
  const [problem, setProblem] = useState<Problem | undefined>(token ? undefined : new Problem(0, 'NO_TOKEN', texts.price.noToken));
  const action = useAction();
  // If the price changed after it was shown, the answer has the new one, and the customer is asked again.
  const ask = (accept: boolean) =>
    call<Question>('POST', '/api/v1/renewals/price-consent', { token, accept, amount_usd: question?.amount_usd }).then(setQuestion);
  useEffect(() => {
    if (token) ask(false).catch((failure: Problem) => setProblem(failure));
  }, [token]);
  return (
    <div className="narrow">
      <PageTitle title={texts.price.title} />
      {problem ? (
        <>
          <ProblemBox problem={problem} />
          <Link to="/">{texts.price.signIn}</Link>
        </>
      ) : !question ? (
        <Skeleton rows={2} />
      ) : question.accepted ? (
        <p className="notice good" role="status">
          {texts.price.accepted(format.money(question.amount_usd))}
        </p>
      ) : (
        <>
          <p>
            {texts.price.ask(
              question.master,
              format.money(question.amount_usd),
              format.money(question.old_amount_usd),
              format.day(question.expires_at),
            )}
          </p>
          {question.debt_usd > 0 && <p>{texts.price.debt(format.money(question.debt_usd))}</p>}
          <p>{texts.renewals.paidBy(means(question))}</p>
          <p className="small">{texts.price.later}</p>
          {action.problem && <ProblemBox problem={action.problem} />}
          <Button look="main" isPending={action.busy} onPress={() => void action.run(() => ask(true))}>
            {texts.price.accept}
          </Button>
        </>
      )}
    </div>
  );
}

const means = ({ pays_with, last_four }: Question) =>
  last_four ? texts.renewals.cardEnding(last_four) : pays_with ? (texts.renewals.with[pays_with] ?? pays_with) : texts.renewals.cannotPay;
