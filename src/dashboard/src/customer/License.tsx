import { lazy, Suspense, type ReactNode } from 'react';
import { Link, Navigate, Route, Routes, useLocation, useParams } from 'react-router';
import { useLoad } from '../api';
import { useConfig } from '../config';
import { expiry } from '../expiry';
import { format } from '../format';
import type { License } from '../licenses';
import { useIsOperator } from '../session';
import { t } from '../language';
import { Back, LicenseStatus, PageTitle, Show, Skeleton, Tabs } from '../ui/kit';
import { renewsInGrace, useTasks } from './Tasks';

const Health = lazy(() => import('./Health'));
const Usage = lazy(() => import('./Usage'));
const Devices = lazy(() => import('./Devices'));
const Renewals = lazy(() => import('./Renewals'));
const Activity = lazy(() => import('./Activity'));
const Suspension = lazy(() => import('./Suspension'));
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
                    {t('license.owner')}: <Link to={`/customers/${license.owner_id}`}>{license.owner_email}</Link>
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
                  { to: base, text: t('license.tabs.health'), end: true },
                  { to: `${base}/usage`, text: t('license.tabs.usage') },
                  { to: `${base}/devices`, text: t('license.tabs.devices') },
                  { to: `${base}/renewals`, text: t('license.tabs.renewals') },
                  { to: `${base}/activity`, text: t('license.tabs.activity') },
                  ...(license.status === 'SUSPENDED' || license.is_suspended || operator
                    ? [{ to: `${base}/suspension`, text: t('license.tabs.suspension') }]
                    : []),
                ]}
              />
              <Suspense fallback={<Skeleton rows={6} />}>
                <Routes>
                  <Route index element={<Health id={id} license={license} reload={reload} tasks={tasks} />} />
                  <Route path="usage" element={<Usage id={id} license={license} reload={reload} />} />
                  <Route path="devices" element={<Devices id={id} license={license} reload={reload} />} />
                  <Route path="renewals" element={<Renewals id={id} license={license} reload={reload} />} />
                  <Route path="activity" element={<Activity id={id} license={license} reload={reload} />} />
                  <Route path="suspension" element={<Suspension id={id} license={license} reload={reload} />} />
                  <Route path="*" element={<Navigate to={base} replace />} />
                </Routes>
              </Suspense>
            </>
          );
        }}
      </Show>
    </>
  );
}

/** What expert advisors may still do with a license that is not valid. */
const whatDevicesMay = (license: License, operator: boolean) =>
  license.entitlement === 'FULL'
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
  const here = useLocation().pathname;
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
