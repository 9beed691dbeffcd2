import { useAction } from '../api';
import { session } from '../session';
import { Button, notify } from '../ui/kit';
import { words } from './texts';

/** Saves an answer of the backend as a file. */
export async function save(answer: Response, name: string) {
  const url = URL.createObjectURL(await answer.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

const request = (path: string, init: RequestInit) =>
  fetch(path, { ...init, headers: { ...(init.headers as Record<string, string>), authorization: `Bearer ${session.get()?.token}` } });

/** Downloads the list that the page shows: all its rows, up to 10,000. */
export function Csv({ path, name }: { path: string; name: string }) {
  const action = useAction();
  const download = () =>
    action
      .run(async () => {
        const answer = await request(path, { headers: { accept: 'text/csv' } });
        if (!answer.ok) throw new Error(answer.statusText);
        await save(answer, `${name}.csv`);
      })
      .then((done) => done || notify(words.csvFailed));
  return (
    <Button onPress={() => void download()} isPending={action.busy}>
      {words.csv}
    </Button>
  );
}

/** The heading of a list, with the button that downloads it. */
export function Heading({ title, csv, name }: { title: string; csv: string | false; name: string }) {
  return (
    <div className="heading">
      <h2>{title}</h2>
      {csv && <Csv path={csv} name={name} />}
    </div>
  );
}

/** Downloads a file that a POST request creates. */
export async function saveFile(path: string, name: string) {
  const answer = await request(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  if (!answer.ok) throw new Error(answer.statusText);
  await save(answer, name);
}
