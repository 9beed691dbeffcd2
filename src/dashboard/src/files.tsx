import { useCallback } from 'react';
import { Problem, useAction } from './api';
import { t } from './language';
import { session } from './session';
import { Button, notify } from './ui/kit';

/** Saves what the backend answers as a file. */
export async function saveFile(path: string, name: string, init: RequestInit = {}) {
  const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${session.get()?.token}` };
  const answer = await fetch(path, { ...init, headers }).catch(() => undefined);
  if (!answer?.ok) throw new Problem(answer?.status ?? 0, 'OFFLINE', t('state.offline'));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Downloads the list that the page shows: all its rows, up to 10,000. */
export function Csv({ path, name }: { path: string; name: string }) {
  const action = useAction();
  const download = () =>
    action.run(() => saveFile(path, `${name}.csv`, { headers: { accept: 'text/csv' } })).then((done) => done || notify(t('file.failed')));
  return (
    <Button look="quiet" onPress={() => void download()} isPending={action.busy}>
      {t('file.csv')}
    </Button>
  );
}

/** Scrolls to a part of the page when it appears, if the address names it: it may be loaded after the page. */
export const useScroll = (id?: string) =>
  useCallback((part: HTMLElement | null) => void (location.hash === `#${id}` && part?.scrollIntoView()), [id]);

/**
 * The heading of a list, with the button that downloads it.
 * @param id For links to it.
 */
export function Heading({ title, csv, name, id }: { title: string; csv: string | false; name: string; id?: string }) {
  return (
    <div className="heading" id={id} ref={useScroll(id)}>
      <h2>{title}</h2>
      {csv && <Csv path={csv} name={name} />}
    </div>
  );
}
