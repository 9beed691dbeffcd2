import { Link } from 'react-router';
import { usePages } from '../api';
import { format } from '../format';
import { readLicenses, type License } from '../licenses';
import { texts } from '../texts';
import { Badge, Button, PageTitle, ProblemBox, Skeleton } from '../ui/kit';
import { grade } from '../widget/LicenseHealthWidget';

export default function Licenses() {
  const list = usePages<License>('/api/v1/licenses', readLicenses);
  return (
    <>
      <PageTitle title={texts.licenses.title} />
      {list.problem && <ProblemBox problem={list.problem} again={list.reload} />}
      {!list.first && !list.problem && <Skeleton rows={3} />}
      {list.first !== undefined && list.rows.length === 0 && <p>{texts.licenses.none}</p>}
      <ul className="cards">
        {list.rows.map((license) => (
          <li key={license.subscription_id}>
            <Link className="card" to={`/licenses/${license.subscription_id}`}>
              <div className="spread"><h2>{license.master}</h2><Badge of={license.status} /></div>
              <p>
                {texts.licenses.health}: <span className={`score ${grade(license.health_score)}`}>{texts.health.of(license.health_score)} {texts.health.grade(license.health_score)}</span>
              </p>
              <p>{format.daysLeft(license.days_until_expiry)}</p>
              <p className="small">{license.auto_renew ? texts.licenses.renews : texts.licenses.doesNotRenew}</p>
              <p className="small">{texts.licenses.lastUsed(format.ago(license.last_used_at))}</p>
            </Link>
          </li>
        ))}
      </ul>
      {list.more && <div className="actions"><Button onPress={list.more} isPending={list.loading}>{texts.more}</Button></div>}
    </>
  );
}
