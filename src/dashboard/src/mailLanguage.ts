import { call } from './api';
import { language } from './language';
import { session } from './session';

const key = 'language-of-mails';
let last = Promise.resolve();

/** Mails to the customer are in the language that the customer chose on the pages. One call at a time, so that the last choice wins. */
export const saveMailLanguage = () => (last = last.then(save));

async function save() {
  const chosen = language.chosen();
  if (!chosen || session.get()?.role !== 'subscriber' || localStorage.getItem(key) === chosen) return;
  try {
    await call('PUT', '/api/v1/me/language', { language: chosen });
    localStorage.setItem(key, chosen);
  } catch {
    // The next visit tries again. The pages are in this language anyway.
  }
}
