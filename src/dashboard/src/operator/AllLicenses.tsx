import { useState } from 'react';
import { usePages } from '../api';
import { Csv } from '../files';
import { format } from '../format';
import { readLicenses, type License } from '../licenses';
import { Link, useSearchParams } from '../router';
import { Button, Choice, Field, LicenseStatus, Mail, PageTitle, Table } from '../ui/kit';
import { licenseTexts } from './licenseTexts';
import { Paged } from './Paged';
import { texts } from './pageTexts';

export default function AllLicenses() {
  const [query, setQuery] = useSearchParams();
  const [typed, setTyped] = useState(query.get('search') ?? '');
  const status = query.get('status') ?? '';
  const search = query.get('search') ?? '';
  const path = `/api/v1/licenses?${new URLSearchParams({ ...(search && { search }), ...(status && { status }) })}`;
  const list = usePages<License>(path, readLicenses);
  const set = (name: string, value: string) =>
    setQuery((old) => {
      if (value) old.set(name, value);
      else old.delete(name);
      return old;
    });
  return (
    <>
      <PageTitle title={licenseTexts.title}>
        <Csv path={path} name="licenses" />
      </PageTitle>
      <form
        role="search"
        aria-label={licenseTexts.title}
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          set('search', typed.trim());
        }}
      >
        <Field label={licenseTexts.searchHelp} value={typed} onChange={setTyped} max={100} />
        <Choice
          label={licenseTexts.status}
          value={status}
          onChange={(value) => set('status', value)}
          options={[
            ['', texts.alerts.any],
            ...['ACTIVE', 'PENDING_RENEWAL', 'EXPIRED', 'SUSPENDED', 'REVOKED'].map((one): [string, string] => [one, texts.status[one]!]),
          ]}
        />
        <Button type="submit" look="main">
          {licenseTexts.search}
        </Button>
      </form>
      <Paged list={list} rows={8} empty={licenseTexts.none}>
        {(rows) => (
          <Table
            label={licenseTexts.table}
            rows={rows}
            id={(row) => row.subscription_id}
            columns={[
              {
                head: licenseTexts.customer,
                cell: (row) => (
                  <Link to={`/customers/${row.owner_id}`}>
                    <Mail of={row.owner_email} />
                  </Link>
                ),
              },
              { head: licenseTexts.status, cell: (row) => <LicenseStatus license={row} /> },
              { head: licenseTexts.master, cell: (row) => <Link to={`/licenses/${row.subscription_id}`}>{row.master}</Link> },
              { head: licenseTexts.expires, cell: (row) => format.day(row.expires_at) },
              {
                head: licenseTexts.health,
                number: true,
                cell: (row) => (
                  <span className={`score ${row.health_grade.toLowerCase()}`}>
                    {row.health_score} {texts.health.grade[row.health_grade]}
                  </span>
                ),
              },
              {
                head: licenseTexts.alerts,
                number: true,
                cell: (row) => (row.open_alerts ? <Link to={`/alerts?subscription_id=${row.subscription_id}`}>{row.open_alerts}</Link> : 0),
              },
              { head: licenseTexts.lastUsed, cell: (row) => format.ago(row.last_used_at) },
            ]}
          />
        )}
      </Paged>
    </>
  );
}
