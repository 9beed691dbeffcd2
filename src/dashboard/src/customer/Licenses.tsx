import { usePages, type Loaded } from '../api';
import { expiry } from '../expiry';
import { format } from '../format';
import { readLicenses, type License } from '../licenses';
import { t, word } from '../language';
import { Link } from '../router';
import { Button, Empty, LicenseStatus, PageTitle, ProblemBox, Skeleton } from '../ui/kit';
import { planned, renewsInGrace, urgentFirst, useTasks, type TaskList } from './taskList';

export const useLicenses = () => usePages<License>('/api/v1/licenses', readLicenses, 60);

export default function Licenses() {
  return (
    <>
      <PageTitle title={t('licenses.title')} />
      <LicenseCards list={useLicenses()} tasks={useTasks()} />
    </>
  );
}

/**
 * @param tasks They say when each license is renewed, and which can be renewed in its grace.
 * @param most How many cards are shown; a link leads to the others.
 */
export function LicenseCards({ list, tasks, most }: { list: ReturnType<typeof useLicenses>; tasks: Loaded<TaskList>; most?: number }) {
  // The cards don't move when the texts about renewals appear.
  const isLoading = tasks.data === undefined && tasks.loading;
  const shown = urgentFirst(isLoading ? [] : list.rows, tasks.data)
    .slice(0, most)
    .map((license) => {
      const [plan, ...others] = linesOf(license, tasks.data);
      return { license, plan, others };
    });
  return (
    <>
      {list.problem && <ProblemBox problem={list.problem} again={list.reload} />}
      {(!list.first || isLoading) && !list.problem && <Skeleton rows={3} />}
      {list.first !== undefined && list.rows.length === 0 && <Empty>{t('licenses.none')}</Empty>}
      <ul className={list.rows.length === 1 ? 'cards one' : 'cards'}>
        {shown.map(({ license, plan, others }) => (
          <li key={license.subscription_id} className="card">
            <div className="spread">
              <h2>
                <Link to={`/licenses/${license.subscription_id}`}>{license.master}</Link>
              </h2>
              <LicenseStatus license={license} />
            </div>
            {plan && <p className="plan">{plan}</p>}
            <div className="fields">
              <p>
                {t('licenses.health')}:{' '}
                <span className={`score ${license.health_grade.toLowerCase()}`}>
                  {t('health.of', { score: license.health_score })} {word('health.grade', license.health_grade)}
                </span>
              </p>
              {others.map((line) => (
                <p key={line}>{line}</p>
              ))}
              <p className="small">
                {license.last_used_at ? t('licenses.lastUsed', { ago: format.ago(license.last_used_at) }) : t('licenses.notUsed')}
              </p>
            </div>
            {/* Frequent tasks take three clicks from here: this link, the button, the confirmation. The tasks have the main button. */}
            <div className="actions">
              {license.is_suspended && <To license={license} tab="suspension" text={t('licenses.whatToDo')} />}
              <To
                license={license}
                tab="renewals"
                text={renewsInGrace(tasks.data, license.subscription_id) ? t('licenses.renewNow') : t('license.tabs.renewals')}
              />
              <To license={license} tab="devices" text={t('license.tabs.devices')} />
            </div>
          </li>
        ))}
      </ul>
      {shown.length < list.rows.length && !isLoading && (
        <div className="actions">
          <Link className="button" to="/licenses">
            {t('licenses.all')}
          </Link>
        </div>
      )}
      {list.more && !most && (
        <div className="actions">
          <Button onPress={list.more} isPending={list.loading}>
            {t('more')}
          </Button>
        </div>
      )}
    </>
  );
}

/** Until when a license works and when it is renewed; what matters most comes first. */
function linesOf(license: License, tasks: TaskList | undefined) {
  if (license.status === 'REVOKED') return [];
  const renewal = planned(tasks, license.subscription_id);
  const canRenew = !tasks?.tasks.some((task) => task.subscription_id === license.subscription_id && task.kind === 'ENDS_FOR_GOOD');
  const ends = expiry(license.expires_at);
  const auto = license.expires_at && canRenew ? t(license.auto_renew ? 'licenses.renews' : 'licenses.doesNotRenew') : undefined;
  const grace = license.grace_until ? t('renewals.grace', { until: format.moment(license.grace_until) }) : undefined;
  return [grace, renewal, ends, renewal ? undefined : auto].filter((line) => line !== undefined);
}

function To({ license, tab, text }: { license: License; tab: string; text: string }) {
  return (
    <Link className="button" to={`/licenses/${license.subscription_id}/${tab}`}>
      {text}
      <span className="visually-hidden"> {license.master}</span>
    </Link>
  );
}
