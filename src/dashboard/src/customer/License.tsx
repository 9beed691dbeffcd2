import { lazy, Suspense, type ReactNode } from 'react';
import { useLoad } from '../api';
import { useConfig } from '../config';
import { expiry } from '../expiry';
import { format } from '../format';
import type { License } from '../licenses';
import { Link, Redirect, Route, Switch, useParams, usePath } from '../router';
import { useIsOperator } from '../session';
import { t, withTexts } from '../language';
import { Back, LicenseStatus, Mail, PageTitle, Show, Skeleton, Tabs } from '../ui/kit';
import { renewsInGrace, useTasks } from './taskList';

const Health = lazy(() => withTexts(import('./Health'), 'health', 'usage', 'devices', 'home'));
const Usage = lazy(() => withTexts(import('./Usage'), 'usage'));
const Devices = lazy(() => withTexts(import('./Devices'), 'devices', 'waiting', 'history'));
const Renewals = lazy(() => withTexts(import('./Renewals'), 'renewals', 'confirm', 'cards', 'home'));
const Activity = lazy(() => withTexts(import('./Activity'), 'activityPage', 'devices', 'usage'));
const Suspension = lazy(() => withTexts(import('./Suspension'), 'suspension', 'waiting', 'activityPage', 'home', 'health'));
// For operators only, so that customers don't load it.
const ReviewLicense = lazy(() => import('../operator/ReviewLicense').then(({ ReviewLicense }) => ({ default: ReviewLicense })));

export type TabProps = { id: string; license: License; reload: () => void };

/** @param hasList Whether there is a list of licenses to go back to; else there is the home page. */
export default function LicensePage({ hasList }: { hasList: boolean }) {
  const id = useParams().subscriptionId!;
  const loaded = useLoad<License>(`/api/v1/licenses/${encodeURIComponent(id)}`, 60);
  const operator = useIsOperator();
  const tasks = useTasks(operator ? null : id);
  const reload = () => {
    loaded.reload();
    tasks.reload();
  };
  const base = `/licenses/${id}`;
  const here = usePath();
  return (
    <>
      <Back to={hasList ? '/licenses' : '/'}>{t(hasList ? 'license.back' : 'nav.home')}</Back>
      <Show of={loaded} rows={8}>
        {(license) => {
          const may = whatDevicesMay(license, operator);
          return (
            <>
              <PageTitle title={license.master}>
                <LicenseStatus license={license} />
                {license.status !== 'REVOKED' && <span>{expiry(license.expires_at)}</span>}
                {operator && license.owner_email && (
                  <span>
                    {t('license.owner')}:{' '}
                    <Link to={`/customers/${license.owner_id}`}>
                      <Mail of={license.owner_email} />
                    </Link>
                  </span>
                )}
                {operator && <ReviewLicense license={license} reload={loaded.reload} />}
              </PageTitle>
              {license.status === 'REVOKED' && <Revoked />}
              {license.is_suspended && <Suspended license={license} what={may} />}
              {license.grace_until && (
                <Banner
                  tone="fair"
                  to={`${base}/renewals`}
                  // Not while a payment is being checked, for example.
                  action={t(operator || renewsInGrace(tasks.data, id) ? 'licenses.renewNow' : 'license.seeRenewal')}
                  task={operator ? undefined : base}
                >
                  {t('license.grace', { until: format.moment(license.grace_until) })}
                </Banner>
              )}
              {may && !license.is_suspended && <p className={`notice ${license.close_only_until ? 'fair' : 'poor'}`}>{may}</p>}
              <Tabs
                label={license.master}
                tabs={[
                  { to: base, text: t('license.tabs.health') },
                  { to: `${base}/usage`, text: t('license.tabs.usage') },
                  { to: `${base}/devices`, text: t('license.tabs.devices') },
                  { to: `${base}/renewals`, text: t('license.tabs.renewals') },
                  { to: `${base}/activity`, text: t('license.tabs.activity') },
                  ...(license.status === 'SUSPENDED' || license.is_suspended || here.endsWith('/suspension')
                    ? [{ to: `${base}/suspension`, text: t('license.tabs.suspension') }]
                    : []),
                ]}
              />
              <Suspense fallback={<Skeleton rows={6} />}>
                <Switch>
                  <Route path={base}>
                    <Health id={id} license={license} reload={reload} tasks={tasks} />
                  </Route>
                  <Route path={`${base}/usage`}>
                    <Usage id={id} license={license} reload={reload} />
                  </Route>
                  <Route path={`${base}/devices`}>
                    <Devices id={id} license={license} reload={reload} />
                  </Route>
                  <Route path={`${base}/renewals`}>
                    <Renewals id={id} license={license} reload={reload} />
                  </Route>
                  <Route path={`${base}/activity`}>
                    <Activity id={id} license={license} reload={reload} />
                  </Route>
                  <Route path={`${base}/suspension`}>
                    <Suspension id={id} license={license} reload={reload} />
                  </Route>
                  <Route>
                    <Redirect to={base} replace />
                  </Route>
                </Switch>
              </Suspense>
            </>
          );
        }}
      </Show>
    </>
  );
}

/** What expert advisors may still do with a license that is not valid; nothing if none has used it. */
const whatDevicesMay = (license: License, operator: boolean) =>
  license.entitlement === 'FULL' || !license.last_used_at
    ? undefined
    : license.close_only_until
      ? license.close_only_since
        ? t('license.closeOnly', { until: format.moment(license.close_only_until) })
        : t('license.closeOnlyNext', { days: Math.round((Date.parse(license.close_only_until) - Date.now()) / 86_400_000) })
      : t(operator ? 'license.customerNoTrading' : 'license.noTrading');

/** A problem of the license, with a link to the page where it is solved. That page and the one with its task (`task`) have no link. */
function Banner({
  tone,
  to,
  action,
  what,
  task,
  children,
}: {
  tone: 'fair' | 'poor';
  to: string;
  action: string;
  what?: string;
  task?: string;
  children: ReactNode;
}) {
  const here = usePath();
  if (here === to || here === task) return what ? <p className={`notice ${tone}`}>{what}</p> : null;
  return (
    <div className={`notice ${tone} banner`}>
      <div>
        <strong>{children}</strong>
        {what && <p>{what}</p>}
      </div>
      <Link className="button" to={to}>
        {action}
      </Link>
    </div>
  );
}

/** What it means, and whom to write to. */
function Revoked() {
  const owner = !useIsOperator();
  const support = useConfig()?.brand.support_email;
  return (
    <div className="notice poor banner">
      <div>
        <strong>{t('license.revoked')}</strong>
        <p>{t(owner ? 'license.revokedText' : 'license.customerRevoked')}</p>
      </div>
      {owner && support && (
        <a className="button" href={`mailto:${support}`}>
          {t('support.write')}
        </a>
      )}
    </div>
  );
}

function Suspended({ license, what }: { license: License; what?: string }) {
  const owner = !useIsOperator();
  return (
    <Banner
      tone="poor"
      to={`/licenses/${license.subscription_id}/suspension`}
      action={owner ? t('licenses.whatToDo') : t('licenses.whySuspended')}
      what={what}
      task={owner ? `/licenses/${license.subscription_id}` : undefined}
    >
      {t('license.suspended')}
    </Banner>
  );
}
