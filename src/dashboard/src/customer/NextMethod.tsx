import { call, useAction } from '../api';
import { t } from '../language';
import { ProblemBox, Switch } from '../ui/kit';

/** Whether the next payment method is tried once if the default one is declined permanently. */
export function NextMethod({ enabled, changed }: { enabled: boolean; changed: () => void }) {
  const action = useAction();
  const change = (on: boolean) =>
    action.run(async () => {
      await call('PUT', '/api/v1/payment-methods/next', { enabled: on });
      changed();
    });
  return (
    <section className="card next-method">
      <Switch isOn={enabled} isBusy={action.busy} onChange={(on) => void change(on)}>
        {t('cards.next')}
      </Switch>
      <p className="small">{t('cards.nextHelp')}</p>
      {action.problem && <ProblemBox problem={action.problem} />}
    </section>
  );
}
