import { useEffect, useState, type ReactNode } from 'react';
import type { Problem } from '../api';
import { t } from '../language';
import { Link } from '../router';
import { useSession } from '../session';
import { PageTitle, ProblemBox, Skeleton } from '../ui/kit';

/** The page behind the link in an email, whose token is in the fragment. Opening it decides nothing: mail scanners open links, too. */
export function MailPage<T extends object>({
  title,
  badText,
  rows,
  read,
  isOver,
  children,
}: {
  title: string;
  /** What can be done if the link doesn't work. */
  badText: string;
  /** Of the skeleton. */
  rows: number;
  read: (token: string) => Promise<T>;
  /** Whether the question can't be answered any more. */
  isOver?: (question: T) => boolean;
  children: (question: T, token: string, change: (next: T) => void) => ReactNode;
}) {
  const [token] = useState(() => location.hash.slice(1));
  const [question, setQuestion] = useState<T>();
  const [problem, setProblem] = useState<Problem>();
  const isSignedIn = useSession() !== null;
  const load = () => {
    setProblem(undefined);
    read(token).then(setQuestion, setProblem);
  };
  useEffect(() => {
    if (token) load();
  }, [token]);
  const isBad = !token || (problem && !mayPass(problem)) || (question && isOver?.(question));
  return (
    <div className="entry card">
      <PageTitle title={isBad ? t('price.badTitle') : title} />
      {isBad ? (
        <>
          <p>{badText}</p>
          <div className="actions">
            <Link className="button main" to="/">
              {t(isSignedIn ? 'notFound.home' : 'price.signIn')}
            </Link>
          </div>
        </>
      ) : problem ? (
        <ProblemBox problem={problem} again={load} />
      ) : question ? (
        children(question, token, setQuestion)
      ) : (
        <Skeleton rows={rows} />
      )}
    </div>
  );
}

/** The link was followed, and nothing else has to be done. */
export const Done = ({ children }: { children: ReactNode }) => (
  <>
    <p className="notice good" role="status">
      {children}
    </p>
    <Link to="/">{t('notFound.home')}</Link>
  </>
);

/** Whether the link may work later: the server or the connection failed, not the link. */
const mayPass = ({ status, code }: Problem) => code === 'OFFLINE' || status === 429 || status >= 500;
