import { useEffect, useRef } from 'react';
import { Confirm } from '../ui/kit';
import { words } from './texts';

/** Keys of a page, each with what it does. They do nothing in a text field, in a dialog, and with Ctrl, Alt or the command key. */
export function useShortcuts(actions: Record<string, (() => void) | undefined>) {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const act = Object.hasOwn(latest.current, event.key) ? latest.current[event.key] : undefined;
      if (!act || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog')) return;
      if ((event.target as HTMLElement).closest('input:not([type=checkbox]), textarea, select')) return;
      event.preventDefault();
      act();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
}

/** Shows on a button which key does the same. */
export const shortcut = (key: string) => ({ title: words.shortcuts.of(key), 'aria-keyshortcuts': key });

/** The list of a page's keys. */
export function ShortcutHelp({ open, keys, onClose }: { open: boolean; keys: [string, string][]; onClose: () => void }) {
  return (
    <Confirm open={open} alone title={words.shortcuts.title} go={words.shortcuts.close} busy={false} onGo={onClose} onClose={onClose}>
      <dl className="keys">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Confirm>
  );
}
