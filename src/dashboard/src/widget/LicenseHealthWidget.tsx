import { useEffect, useRef, useState } from 'react';
import { expiry } from '../expiry';
import { language, t, word } from '../language';

export type HealthGrade = 'GOOD' | 'FAIR' | 'POOR';
export type Health = {
  subscription_id: string;
  master: string;
  status: string;
  code: string;
  health_score: number;
  health_grade: HealthGrade;
  days_until_expiry: number | null;
  expires_at: string | null;
  unique_devices: number;
  max_devices: number;
  suspicious_activities: string[];
  recommendations: string[];
  contributions?: Contribution[];
};
export type Contribution = {
  part: string;
  points: number;
  reason: string;
  action: string;
  recommendation: string | null;
  link: string | null;
  /** The reason as a code with values; a backend of an earlier version has none. */
  code?: string;
  values?: {
    until: string | null;
    days: number | null;
    percent: number | null;
    used: number | null;
    max: number | null;
    changes: number | null;
    severity: string | null;
  };
};

export type WidgetProps = {
  subscriptionId: string;
  /** The backend's origin; default: the page's own. */
  api?: string;
  /** A bearer token. `getToken` has precedence and is called before each request. */
  token?: string;
  getToken?: () => string | null | undefined | Promise<string | null | undefined>;
  /** Seconds between refreshes while the page is visible; 0 disables them. */
  refresh?: number;
  /** 'light' or 'dark'; default: the browser's setting. */
  theme?: string;
};

type State = { of: string; is: 'loading' | 'error' | 'signed-out' | 'no-data' | 'shown'; health?: Health; stale?: boolean };

/** The widget of the integration guide: score, status, devices, expiry, suspicious activities and recommendations. */
export function LicenseHealthWidget({ subscriptionId, api = '', token, getToken, refresh = 60, theme }: WidgetProps) {
  const [state, setState] = useState<State>({ of: subscriptionId, is: 'loading' });
  const [round, setRound] = useState(0);
  // A new callback function on each render of the host page must not cause a reload.
  const ask = useRef(getToken);
  ask.current = getToken;

  useEffect(() => {
    const abort = new AbortController();
    async function load() {
      const bearer = ask.current ? await ask.current() : token;
      if (abort.signal.aborted) return;
      if (!bearer) return setState({ of: subscriptionId, is: 'signed-out' });
      const reply = await fetch(`${api}/api/v1/licenses/${encodeURIComponent(subscriptionId)}/health`, {
        headers: { authorization: `Bearer ${bearer}` },
        signal: abort.signal,
      });
      if (reply.ok) setState({ of: subscriptionId, is: 'shown', health: (await reply.json()) as Health });
      else if (reply.status === 401) setState({ of: subscriptionId, is: 'signed-out' });
      else if (reply.status === 404) setState({ of: subscriptionId, is: 'no-data' });
      else throw new Error(String(reply.status));
    }
    setState((old) => (old.of === subscriptionId && old.is === 'shown' ? old : { of: subscriptionId, is: 'loading' }));
    load().catch(
      () => abort.signal.aborted || setState((old) => (old.is === 'shown' ? { ...old, stale: true } : { of: subscriptionId, is: 'error' })),
    );
    return () => abort.abort();
  }, [subscriptionId, api, token, round]);

  useEffect(() => {
    if (!(refresh > 0)) return;
    const timer = setInterval(() => document.visibilityState === 'visible' && setRound((n) => n + 1), refresh * 1000);
    return () => clearInterval(timer);
  }, [refresh]);

  return (
    <section
      className={`license-health-widget ${theme === 'light' || theme === 'dark' ? theme : ''}`}
      aria-label={t('health.title')}
      aria-busy={state.is === 'loading'}
    >
      <h3>{state.is === 'shown' && state.health ? t('health.titleOf', { master: state.health.master }) : t('health.title')}</h3>
      {state.stale && <p role="status">{t('state.stale')}</p>}
      {state.is === 'shown' && state.health ? (
        <HealthView health={state.health} api={api} />
      ) : state.is === 'error' ? (
        <div role="alert">
          <p>{t('health.error')}</p>
          <button type="button" onClick={() => setRound((n) => n + 1)}>
            {t('state.again')}
          </button>
        </div>
      ) : (
        <p role="status">
          {state.is === 'signed-out' ? (
            <>
              <a href={`${api}/app/licenses/${encodeURIComponent(subscriptionId)}`}>{t('signIn.title')}</a> {t('health.signedOut')}
            </>
          ) : state.is === 'loading' ? (
            t('health.loading')
          ) : (
            t('health.noData')
          )}
        </p>
      )}
    </section>
  );
}

// The backend's sentences are in English. Other languages build them from the code and its values.
export function reasonOf({ reason, code, values }: Pick<Contribution, 'reason' | 'code' | 'values'>): string {
  if (language.get() === 'en' || !code || !values) return reason;
  const shown = {
    ...values,
    until: values.until ? new Date(values.until).toLocaleDateString(language.locale(), { dateStyle: 'medium', timeZone: 'UTC' }) : '',
    severity: word('status', values.severity) ?? values.severity,
  };
  return word('health.because', code, shown as Record<string, string | number>) ?? reason;
}
export const recommendationOf = (one: Contribution) =>
  (language.get() === 'en' ? one.recommendation : (word('health.do', one.code) ?? one.recommendation)) ?? '';

type HealthViewProps = { health: Health; api?: string; heading?: 'h3' | 'h4'; page?: 'customer' | 'operator' };

/**
 * @param heading The level below the heading above it.
 * @param page For the license's page of a customer or an operator, which has the status and the expiry elsewhere. Customers see their tasks
 * above, and operators don't do what is recommended themselves.
 */
export function HealthView({ health, api = '', heading: Heading = 'h4', page }: HealthViewProps) {
  const todo = health.recommendations.map((text) => {
    const from = health.contributions?.find((one) => one.recommendation === text);
    return { text: from ? recommendationOf(from) : text, link: page ? null : from?.link };
  });
  return (
    <>
      <p className={`health-score ${health.health_grade.toLowerCase()}`}>
        <span className="figure">{t('health.of', { score: health.health_score })}</span>{' '}
        <span className="grade">{word('health.grade', health.health_grade)}</span>
      </p>
      {/* Not a meter element: browsers choose its color by limits that only the backend defines, and each draws it differently. */}
      <div
        className={`health-bar ${health.health_grade.toLowerCase()}`}
        role="meter"
        aria-label={t('health.score')}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={health.health_score}
      >
        <div style={{ width: `${health.health_score}%` }} />
      </div>
      <dl className="health-details">
        {!page && (
          <div>
            <dt>{t('health.status')}</dt>
            <dd>{(health.status === 'SUSPENDED' && word('paused', health.code)) || (word('status', health.status) ?? health.status)}</dd>
          </div>
        )}
        <div>
          <dt>{t('health.devices')}</dt>
          <dd>{t('health.devicesOf', { used: health.unique_devices, max: health.max_devices })}</dd>
        </div>
        {!page && health.status !== 'REVOKED' && (
          <div>
            <dd>{expiry(health.expires_at)}</dd>
          </div>
        )}
      </dl>
      {health.suspicious_activities.length > 0 && (
        <div className="alert alert-warning">
          <strong>{t('health.suspicious')}</strong>
          <ul>
            {health.suspicious_activities.map((one) => (
              <li key={one}>{word('activity', one) ?? one}</li>
            ))}
          </ul>
        </div>
      )}
      {page !== 'customer' && (
        <div className="recommendations">
          {todo.length === 0 ? (
            <p>{t(!page && health.suspicious_activities.length > 0 ? 'health.inReview' : 'health.nothingTodo')}</p>
          ) : (
            <>
              <Heading>{t(page ? 'health.customerTodo' : 'health.todo')}</Heading>
              <ul>
                {todo.map((one) => (
                  <li key={one.text}>{one.link ? <a href={api + one.link}>{one.text}</a> : one.text}</li>
                ))}
              </ul>
            </>
          )}
        </div>
      )}
    </>
  );
}
