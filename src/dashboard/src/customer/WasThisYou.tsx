import { useState } from 'react';
import { Link } from 'react-router';
import { call, Problem, useAction } from '../api';
import { t } from '../language';
import { Button, PageTitle, ProblemBox } from '../ui/kit';

/** The page behind the link in the email. Nothing is confirmed before the click, because mail scanners open links, too. */
export default function WasThisYou() {
  const [token] = useState(() => location.hash.slice(1));
  const [trusted, setTrusted] = useState<boolean>();
  const action = useAction();
  return (
    <div className="entry card">
      <PageTitle title={t('wasThisYou.title')} />
      {!token ? (
        <>
          <ProblemBox problem={new Problem(0, 'NO_TOKEN', t('price.noToken'))} />
          <Link to="/">{t('wasThisYou.signIn')}</Link>
        </>
      ) : trusted !== undefined ? (
        <>
          <p className="notice good" role="status">
            {trusted ? t('wasThisYou.trusted') : t('wasThisYou.noted')}
          </p>
          <Link to="/">{t('notFound.home')}</Link>
        </>
      ) : (
        <>
          <p>{t('wasThisYou.text')}</p>
          {action.problem && <ProblemBox problem={action.problem} />}
          <div className="actions">
            <Button
              look="main"
              isPending={action.busy}
              onPress={() =>
                void action.run(async () =>
                  setTrusted((await call<{ trusted: boolean }>('POST', '/api/v1/licenses/alerts/confirm', { token })).trusted),
                )
              }
            >
              {t('wasThisYou.yes')}
            </Button>
          </div>
          <p>
            <Link to="/">{t('wasThisYou.no')}</Link>
          </p>
        </>
      )}
    </div>
  );
}
