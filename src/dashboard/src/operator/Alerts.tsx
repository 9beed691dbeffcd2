import { useState } from 'react';
import { Cell, Checkbox, Column, Row, Table, TableBody, TableHeader, type Selection } from 'react-aria-components';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { usePages } from '../api';
import type { AlertRow } from '../alerts';
import { format } from '../format';
import { texts } from '../texts';
import { Badge, Button, Choice, PageTitle, ProblemBox, Skeleton } from '../ui/kit';
import { ReviewAlerts } from './ReviewAlerts';

type Reply = { total: number; alerts: AlertRow[]; next: string | null };

const read = (reply: Reply) => ({ rows: reply.alerts, next: reply.next && `cursor=${encodeURIComponent(reply.next)}` });

export default function Alerts() {
  const [query, setQuery] = useSearchParams();
  const go = useNavigate();
  const [selected, setSelected] = useState<Selection>(new Set());
  const status = query.get('status') ?? 'OPEN';
  const severity = query.get('severity') ?? '';
  const answer = query.get('customer_answer') ?? '';
  const license = query.get('subscription_id');
  const asked = new URLSearchParams({
    status,
    ...(severity && { severity }),
    ...(answer && { customer_answer: answer }),
    ...(license && { subscription_id: license }),
    limit: '100',
  });
  const list = usePages<AlertRow>(`/api/v1/licenses/alerts?${asked}`, read, 30);
  const total = (list.first as Reply | undefined)?.total;
  const chosen = list.rows.filter((alert) => selected === 'all' || selected.has(alert.alert_id));
  const filter = (name: string, value: string) => {
    setSelected(new Set());
    setQuery((old) => {
      if (value) old.set(name, value);
      else old.delete(name);
      return old;
    });
  };

  return (
    <>
      <PageTitle title={texts.alerts.title}>{total !== undefined && <span>{texts.alerts.count(total)}</span>}</PageTitle>
      <div className="filters">
        <Choice
          label={texts.alerts.status}
          value={status}
          onChange={(value) => filter('status', value)}
          options={[
            ...['OPEN', 'INVESTIGATING', 'RESOLVED', 'FALSE_POSITIVE'].map((one): [string, string] => [one, texts.status[one]!]),
            ['ALL', texts.alerts.all],
          ]}
        />
        <Choice
          label={texts.alerts.severity}
          value={severity}
          onChange={(value) => filter('severity', value)}
          options={[
            ['', texts.alerts.any],
            ...['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'].map((one): [string, string] => [one, texts.status[one]!]),
          ]}
        />
        <Choice
          label={texts.alerts.answer}
          value={answer}
          onChange={(value) => filter('customer_answer', value)}
          options={[['', texts.alerts.any], ...Object.entries(texts.alerts.answers)]}
        />
        <p className="small">
          {texts.alerts.keys} <Link to="/alerts/shadow">{texts.shadow.title}</Link>
        </p>
      </div>
      {license && (
        <p>
          {texts.alerts.ofOne}{' '}
          <Button look="quiet" onPress={() => filter('subscription_id', '')}>
            {texts.alerts.ofAll}
          </Button>
        </p>
      )}
      {list.problem && <ProblemBox problem={list.problem} again={list.reload} />}
      {list.first === undefined && !list.problem && <Skeleton rows={8} />}
      {list.first !== undefined && list.rows.length === 0 && (
        <p>{status === 'OPEN' && !severity && !answer && !license ? texts.alerts.none : texts.alerts.noMatch}</p>
      )}
      {list.rows.length > 0 && (
        <div className="table-scroll rows">
          <Table
            aria-label={texts.alerts.table}
            selectionMode="multiple"
            selectedKeys={selected}
            onSelectionChange={setSelected}
            onRowAction={(id) => void go(`/alerts/${id}`)}
          >
            <TableHeader>
              <Column width={40}>
                <Checkbox slot="selection" className="tick">
                  <span aria-hidden="true" />
                </Checkbox>
              </Column>
              <Column isRowHeader>{texts.alerts.what}</Column>
              <Column>{texts.alerts.severity}</Column>
              <Column>{texts.alerts.when}</Column>
              <Column>{texts.alerts.status}</Column>
              <Column>{texts.alerts.action}</Column>
            </TableHeader>
            <TableBody items={list.rows.map((alert) => ({ ...alert, id: alert.alert_id }))}>
              {(alert) => (
                <Row>
                  <Cell>
                    <Checkbox slot="selection" className="tick">
                      <span aria-hidden="true" />
                    </Checkbox>
                  </Cell>
                  <Cell>
                    <strong>{texts.activity[alert.activity_type] ?? alert.activity_type}</strong>{' '}
                    {alert.appealed_at && <Badge of="HIGH">{texts.alerts.appeal}</Badge>}
                    {alert.owner_email && <div>{alert.owner_email}</div>}
                    <div className="description small">{alert.description}</div>
                    {alert.customer_answer && (
                      <div className="small">
                        {texts.alerts.answer}: {texts.alerts.answers[alert.customer_answer] ?? alert.customer_answer}
                      </div>
                    )}
                  </Cell>
                  <Cell>
                    <Badge of={alert.severity} />
                  </Cell>
                  <Cell>
                    <span title={format.moment(alert.detected_at)}>{format.ago(alert.detected_at)}</span>
                  </Cell>
                  <Cell>
                    <Badge of={alert.status} />
                  </Cell>
                  <Cell>
                    {texts.alerts.actions[alert.measure] ?? alert.measure}
                    {alert.is_suspended && <div className="small">{texts.alerts.suspended}</div>}
                  </Cell>
                </Row>
              )}
            </TableBody>
          </Table>
        </div>
      )}
      {list.more && (
        <div className="actions">
          <Button onPress={list.more} isPending={list.loading}>
            {texts.more}
          </Button>
        </div>
      )}
      {chosen.length > 0 && (
        <div className="bulk" role="region" aria-label={texts.alerts.selected(chosen.length)}>
          <strong>{texts.alerts.selected(chosen.length)}</strong>
          <ReviewAlerts
            alerts={chosen}
            done={() => {
              setSelected(new Set());
              list.reload();
            }}
          />
        </div>
      )}
    </>
  );
}
