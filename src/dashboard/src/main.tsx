import { Fragment, StrictMode, useSyncExternalStore } from 'react';
import { createRoot } from 'react-dom/client';
import './demo';
import { App } from './App';
import { language } from './language';
import { saveMailLanguage } from './mailLanguage';
import { PageRouter } from './router';
import { session } from './session';
import { takeSignInAnswer } from './signInAnswer';
import './styles.css';

// The operators' pages are in English only.
const follow = () => language.use(session.get()?.role === 'operator' ? 'en' : language.preferred());
session.onChange(() => void follow());
language.subscribe(() => {
  document.documentElement.lang = language.get();
  void saveMailLanguage();
});
language.takeFromLink();

/** A new language renders everything again: texts and formats are read while components render. */
function Pages() {
  const current = useSyncExternalStore(language.subscribe, language.get);
  return (
    <Fragment key={current}>
      <App />
    </Fragment>
  );
}

// No top-level await: the file of a module that has one can't contain code that the pages share.
void takeSignInAnswer()
  .then(follow)
  .then(() =>
    createRoot(document.getElementById('root')!).render(
      <StrictMode>
        <PageRouter>
          <Pages />
        </PageRouter>
      </StrictMode>,
    ),
  );
