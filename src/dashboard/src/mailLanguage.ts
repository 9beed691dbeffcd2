import { call } from './api';
import { language } from './language';
import { session } from './session';

// What was saved last from this browser, by whom. Another customer may sign in here, too.
const key = 'language-of-mails';
let last = Promise.resolve();

/**
 * Mails to the customer are in the language that the customer chose on the pages. A customer who never chose gets them in the language in
 * which the pages were shown first. One call at a time, so that the last choice wins.
 */
export const saveMailLanguage = () => (last = last.then(save));

async function save() {
  const who = session.get();
  if (who?.role !== 'subscriber') return;
  const chosen = language.chosen();
  // Not the language of a mail's link: its reader may have got the mail in the wrong language.
  const shown = chosen ?? language.ofBrowser();
  const saved = `${who.userId} ${chosen ? 'chose' : 'has'} ${shown}`;
  if (localStorage.getItem(key) === saved) return;
  try {
    await call('PUT', '/api/v1/me/language', chosen ? { language: shown } : { language: shown, if_none: true });
    localStorage.setItem(key, saved);
  } catch {
    // The next visit tries again. The pages are in this language anyway.
  }
}
