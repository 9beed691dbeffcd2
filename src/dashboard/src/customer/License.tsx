import { lazy, Suspense, type ReactNode } from 'react';
import { Link, Navigate, Route, Routes, useLocation, useParams } from 'react-router';
import { useLoad } from '../api';
import { expiry } from '../expiry';
import { format } from '../format';
import type { License } from '../licenses';
import { ReviewLicense } from '../operator/ReviewLicense';
import { useSession } from '../session';
import { t } from '../language';
import { LicenseStatus, PageTitle, Show, Skeleton, Tabs } from '../ui/kit';

const Health = lazy(() => import('./Health'));
const Usage = lazy(() => import('./Usage'));
const Devices = lazy(() => import('./Devices'));
const Renewals = lazy(() => import('./Renewals'));
const Activity = lazy(() => import('./Activity'));
const Suspension = lazy(() => import('./Suspension'));

export type TabProps = { id: string; license: License; reload: () => void };

export default function LicensePage() {
  const id = useParams().subscriptionId!;
  const loaded = useLoad<License>(`/api/v1/licenses/${encodeURIComponent(id)}`, 60);
  const operator = useSession()?.role === 'operator';
  const base = `/licenses/${id}`;
  return (
    <>
      <Link to="/licenses" className="small">
        {t('license.back')}
      </Link>
      <Show of={loaded} rows={8}>
        {(license) => (
          <>
            <PageTitle title={license.master}>
              <LicenseStatus license={license} />
              <span>{expiry(license.expires_at)}</span>
              {operator && <ReviewLicense license={license} reload={loaded.reload} />}
            </PageTitle>
            {operator && license.owner_email && (
              <p className="small">
                {t('license.owner')}: <Link to={`/customers/${license.owner_id}`}>{license.owner_email}</Link>
              </p>
            )}
            {license.is_suspended && <Suspended license={license} />}
            {license.grace_until && (
              <Banner tone="fair" to={`${base}/renewals`} action={t('licenses.renewNow')}>
                {t('license.grace', { until: format.moment(license.grace_until) })}
              </Banner>
            )}
            {license.entitlement !== 'FULL' && (
              <p className={`notice ${license.close_only_until ? 'fair' : 'poor'}`}>
                {license.close_only_until
                  ? t('license.closeOnly', { until: format.moment(license.close_only_until) })
                  : t('license.noTrading')}
              </p>
            )}
            <Tabs
              label={license.master}
              tabs={[
                { to: base, text: t('license.tabs.health'), end: true },
                { to: `${base}/usage`, text: t('license.tabs.usage') },
                { to: `${base}/devices`, text: t('license.tabs.devices') },
                { to: `${base}/renewals`, text: t('license.tabs.renewals') },
                { to: `${base}/activity`, text: t('license.tabs.activity') },
                ...(license.is_suspended || operator ? [{ to: `${base}/suspension`, text: t('license.tabs.suspension') }] : []),
              ]}
            />
            <Suspense fallback={<Skeleton rows={6} />}>
              <Routes>
                <Route index element={<Health id={id} license={license} reload={loaded.reload} />} />
                <Route path="usage" element={<Usage id={id} license={license} reload={loaded.reload} />} />
                <Route path="devices" element={<Devices id={id} license={license} reload={loaded.reload} />} />
                <Route path="renewals" element={<Renewals id={id} license={license} reload={loaded.reload} />} />
                <Route path="activity" element={<Activity id={id} license={license} reload={loaded.reload} />} />
                <Route path="suspension" element={<Suspension id={id} license={license} reload={loaded.reload} />} />
                <Route path="*" element={<Navigate to={base} replace />} />
              </Routes>
            </Suspense>
          </>
        )}
      </Show>
    </>
  );
}

/** A problem of the license, with a link to the page where it is solved. That page has no banner. */
function Banner({ tone, to, action, children }: { tone: 'fair' | 'poor'; to: string; action: string; children: ReactNode }) {
  if (useLocation().pathname === to) return null;
  return (
    <div className={`notice ${tone} spread`}>
      <span>{children}</span>
      <Link className="button" to={to}>
        {action}
      </Link>
    </div>
  );
}

function Suspended({ license }: { license: License }) {
  const owner = useSession()?.role === 'subscriber';
  return (
    <Banner
      tone="poor"
      to={`/licenses/${license.subscription_id}/suspension`}
      action={owner ? t('licenses.whatToDo') : t('licenses.whySuspended')}
    >
      {t('license.suspended')}
    </Banner>
  );
}
