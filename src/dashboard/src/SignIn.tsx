import { useState, type ReactNode } from 'react';
import { call, Problem, useAction, useLoad } from './api';
import type { Config } from './config';
import { demoHeaders } from './demo';
import { session } from './session';
import { signInFailed } from './signInAnswer';
import { language, t } from './language';
import { Button, Field, PageTitle, ProblemBox, Skeleton } from './ui/kit';

type Person = { user_id: string; email: string; role: 'operator' | 'subscriber'; story: string | null };

/** Shown when it is known how to sign in, so that nothing moves. */
export default function SignIn() {
  const config = useLoad<Config>('/app/config.json');
  if (config.data) return config.data.authority ? <WithIssuer config={config.data} /> : <WithoutIssuer />;
  return config.problem ? (
    <Entry>
      <ProblemBox problem={config.problem} again={config.reload} />
    </Entry>
  ) : (
    <Skeleton rows={3} />
  );
}

function Entry({ broad, children }: { broad?: boolean; children: ReactNode }) {
  return (
    <div className={broad ? 'entry broad' : 'entry card'}>
      <PageTitle title={t('signIn.title')} />
      <p>{t('signIn.intro')}</p>
      {session.hasEnded() && (
        <p className="notice fair" role="status">
          {t('signIn.ended')}
        </p>
      )}
      {children}
    </div>
  );
}

function WithIssuer({ config }: { config: Config }) {
  const action = useAction();
  const problem = action.problem ?? (signInFailed() ? new Problem(0, 'SIGN_IN_FAILED', t('signIn.failed')) : undefined);
  return (
    <Entry>
      {problem && <ProblemBox problem={problem} />}
      <div className="actions">
        <Button look="main" isPending={action.busy} onPress={() => void action.run(async () => (await import('./oidc')).start(config))}>
          {t('signIn.withIssuer')}
        </Button>
      </div>
    </Entry>
  );
}

function WithoutIssuer() {
  const demo = useLoad<{ persons: Person[] }>(`/app/demo/persons?language=${language.get()}`, undefined, demoHeaders);
  if (demo.loading && !demo.data) return <Skeleton rows={8} />;
  return demo.data?.persons.length ? <Persons persons={demo.data.persons} /> : <ByToken />;
}

function Persons({ persons }: { persons: Person[] }) {
  const action = useAction();
  const as = (person: Person) =>
    action.run(async () => {
      const body = { user_id: person.user_id };
      session.signIn((await call<{ token: string }>('POST', '/app/demo/sign-in', body, [], undefined, demoHeaders())).token);
    });
  const list = (role: Person['role'], title: string) => (
    <section aria-label={title}>
      <h3>{title}</h3>
      <div className="persons">
        {persons
          .filter((person) => person.role === role)
          .map((person) => (
            <Button key={person.user_id} onPress={() => void as(person)} isDisabled={action.busy}>
              {person.email.split('@')[0]}
              {person.story && <span className="small">{person.story}</span>}
            </Button>
          ))}
      </div>
    </section>
  );
  return (
    <Entry broad>
      <h2>{t('signIn.demoTitle')}</h2>
      <p>{t('signIn.demoIntro')}</p>
      {action.problem && <ProblemBox problem={action.problem} />}
      {list('operator', t('signIn.operators'))}
      {list('subscriber', t('signIn.subscribers'))}
    </Entry>
  );
}

function ByToken() {
  const [token, setToken] = useState('');
  const [bad, setBad] = useState(false);
  return (
    <Entry>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          session.signIn(token.trim());
          if (!session.get()) {
            session.signOut();
            setBad(true);
          }
        }}
      >
        {bad && <ProblemBox problem={new Problem(0, 'BAD_TOKEN', t('signIn.badToken'))} />}
        <Field label={t('signIn.tokenLabel')} help={t('signIn.tokenHelp')} value={token} onChange={setToken} />
        <Button type="submit" look="main">
          {t('signIn.byToken')}
        </Button>
      </form>
    </Entry>
  );
}
