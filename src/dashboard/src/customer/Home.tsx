import { t } from '../language';
import { PageTitle, ProblemBox, Show } from '../ui/kit';
import { LicenseCards, useLicenses } from './Licenses';
import { Tasks } from './Tasks';
import { useTasks } from './taskList';

/** How many licenses are shown; a link leads to the list of all. */
const mostCards = 6;

/** What the customer has to do over all licenses, the most urgent first, and the licenses. */
export default function Home() {
  const tasks = useTasks();
  const licenses = useLicenses();
  const reload = () => {
    tasks.reload();
    licenses.reload();
  };
  // If neither request succeeds, for example offline, one error is shown instead of two.
  if (!tasks.data && tasks.problem && !licenses.first && licenses.problem) {
    return (
      <>
        <PageTitle title={t('home.title')} />
        <ProblemBox problem={tasks.problem} again={reload} />
      </>
    );
  }
  return (
    <>
      <PageTitle title={t('home.title')} />
      <Show of={tasks} rows={3}>
        {(list) => <Tasks of={list} reload={tasks.reload} />}
      </Show>
      <section aria-labelledby="licenses">
        <h2 id="licenses">{t('home.licenses')}</h2>
        <LicenseCards list={licenses} tasks={tasks} most={mostCards} />
      </section>
    </>
  );
}
