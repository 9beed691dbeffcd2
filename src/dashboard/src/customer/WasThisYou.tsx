import { useState } from 'react';
import { Link } from 'react-router';
import { call, useAction } from '../api';
import { t } from '../language';
import { useSession } from '../session';
import { Button, PageTitle, ProblemBox } from '../ui/kit';

/** The page behind the link in the email. Nothing is confirmed before the click, because mail scanners open links, too. */
export default function WasThisYou() {
  const [token] = useState(() => location.hash.slice(1));
  const [trusted, setTrusted] = useState<boolean>();
  const action = useAction();
  const isSignedIn = useSession() !== null;
  // Not if the server or the connection failed: then the link may work later.
  const isBad = !token || (action.problem !== undefined && action.problem.status >= 400 && action.problem.status < 429);
  return (
    <div className="entry card">
      <PageTitle title={t(isBad ? 'price.badTitle' : 'wasThisYou.title')} />
      {isBad ? (
        <>
          <p>{t('wasThisYou.badText')}</p>
          <div className="actions">
            <Link className="button main" to="/">
              {t(isSignedIn ? 'notFound.home' : 'price.signIn')}
            </Link>
          </div>
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
