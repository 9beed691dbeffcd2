import { useLoad } from '../api';
import { t } from '../language';
import { PageTitle, Show } from '../ui/kit';
import { LicenseCards } from './Licenses';
import { Tasks, type TaskList } from './Tasks';

/** What the customer has to do over all licenses, the most urgent first, and the licenses. */
export default function Home() {
  const tasks = useLoad<TaskList>('/api/v1/tasks', 60);
  return (
    <>
      <PageTitle title={t('home.title')} />
      <Show of={tasks} rows={3}>
        {(list) => <Tasks of={list.tasks} />}
      </Show>
      <section aria-labelledby="licenses">
        <h2 id="licenses">{t('home.licenses')}</h2>
        <LicenseCards tasks={tasks} />
      </section>
    </>
  );
}
