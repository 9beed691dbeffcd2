import { t } from '../language';
import { PageTitle, Show } from '../ui/kit';
import { LicenseCards } from './Licenses';
import { Tasks, useTasks } from './Tasks';

/** What the customer has to do over all licenses, the most urgent first, and the licenses. */
export default function Home() {
  const tasks = useTasks();
  return (
    <>
      <PageTitle title={t('home.title')} />
      <Show of={tasks} rows={3}>
        {(list) => <Tasks of={list} reload={tasks.reload} />}
      </Show>
      <section aria-labelledby="licenses">
        <h2 id="licenses">{t('home.licenses')}</h2>
        <LicenseCards tasks={tasks} />
      </section>
    </>
  );
}
