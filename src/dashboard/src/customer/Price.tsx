import { useEffect, useState } from 'react';
import { call, Problem, useAction } from '../api';
import { format } from '../format';
import { texts } from '../texts';
import { Button, PageTitle, ProblemBox, Skeleton } from '../ui/kit';

type Question = { amount_usd: number | null; old_amount_usd: number | null; expires_at: string; accepted: boolean };

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
        <ProblemBox problem={problem} />
      ) : !question ? (
        <Skeleton rows={2} />
      ) : question.accepted ? (
        <p className="notice good" role="status">
          {texts.price.accepted}
        </p>
      ) : (
        <>
          <p>
            {texts.price.ask(format.money(question.amount_usd), format.money(question.old_amount_usd), format.day(question.expires_at))}
          </p>
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
