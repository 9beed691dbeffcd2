import { useEffect, useRef, useState } from 'react';
import { expiry } from '../expiry';
import { texts } from '../texts';

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
      aria-label={texts.health.title}
      aria-busy={state.is === 'loading'}
    >
      <h3>{state.is === 'shown' && state.health ? texts.health.titleOf(state.health.master) : texts.health.title}</h3>
      {state.stale && <p role="status">{texts.state.stale}</p>}
      {state.is === 'shown' && state.health ? (
        <HealthView health={state.health} api={api} />
      ) : state.is === 'error' ? (
        <div role="alert">
          <p>{texts.health.error}</p>
          <button type="button" onClick={() => setRound((n) => n + 1)}>
            {texts.state.again}
          </button>
        </div>
      ) : (
        <p role="status">
          {state.is === 'signed-out' ? (
            <>
              <a href={`${api}/app/licenses/${encodeURIComponent(subscriptionId)}`}>{texts.signIn.title}</a> {texts.health.signedOut}
            </>
          ) : state.is === 'loading' ? (
            texts.health.loading
          ) : (
            texts.health.noData
          )}
        </p>
      )}
    </section>
  );
}

export function HealthView({ health, api = '' }: { health: Health; api?: string }) {
  const todo = health.recommendations.map((text) => ({
    text,
    link: health.contributions?.find((one) => one.recommendation === text && one.link)?.link,
  }));
  return (
    <>
      <p className={`health-score ${health.health_grade.toLowerCase()}`}>
        <span className="figure">{texts.health.of(health.health_score)}</span>{' '}
        <span className="grade">{texts.health.grade[health.health_grade]}</span>
      </p>
      {/* Not a meter element: browsers choose its color by limits that only the backend defines, and each draws it differently. */}
      <div
        className={`health-bar ${health.health_grade.toLowerCase()}`}
        role="meter"
        aria-label={texts.health.score}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={health.health_score}
      >
        <div style={{ width: `${health.health_score}%` }} />
      </div>
      <dl className="health-details">
        <div>
          <dt>{texts.health.status}</dt>
          <dd>{(health.status === 'SUSPENDED' && texts.paused[health.code]) || (texts.status[health.status] ?? health.status)}</dd>
        </div>
        <div>
          <dt>{texts.health.devices}</dt>
          <dd>{texts.health.devicesOf(health.unique_devices, health.max_devices)}</dd>
        </div>
        <div>
          <dd>{expiry(health.expires_at)}</dd>
        </div>
      </dl>
      {health.suspicious_activities.length > 0 && (
        <div className="alert alert-warning">
          <strong>{texts.health.suspicious}</strong>
          <ul>
            {health.suspicious_activities.map((one) => (
              <li key={one}>{texts.activity[one] ?? one}</li>
            ))}
          </ul>
        </div>
      )}
      <div className="recommendations">
        {todo.length === 0 ? (
          <p>{texts.health.nothingTodo}</p>
        ) : (
          <>
            <h4>{texts.health.todo}</h4>
            <ul>
              {todo.map((one) => (
                <li key={one.text}>{one.link ? <a href={api + one.link}>{one.text}</a> : one.text}</li>
              ))}
            </ul>
          </>
        )}
      </div>
    </>
  );
}
