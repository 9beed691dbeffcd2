import { useEffect, useState } from 'react';
import { call } from '../api';
import { language, languages, t } from '../language';
import type { Session } from '../session';

type SignedIn = { email: string | null; role: string };

// Kept as long as the document, so that the header doesn't wait for it again after a change of the language.
const known = new Map<string, SignedIn>();

/** Who is signed in, by the platform's address and the role. */
export function Who({ session }: { session: Session }) {
  const [person, setPerson] = useState(known.get(session.token));
  useEffect(() => {
    if (known.has(session.token)) return;
    const abort = new AbortController();
    // Without it the header shows the role only.
    call<SignedIn>('GET', '/api/v1/me', undefined, [], abort.signal).then(
      (found) => {
        known.set(session.token, found);
        setPerson(found);
      },
      () => {},
    );
    return () => abort.abort();
  }, [session.token]);
  return (
    <p className="who small" title={person?.email ?? undefined}>
      <span className="visually-hidden">{t('who.signedIn')} </span>
      {person?.email && <span className="email">{person.email}</span>}
      <span className="role">{t(session.role === 'operator' ? 'who.operator' : 'who.customer')}</span>
    </p>
  );
}

const nameOf = (one: string) => {
  const name = new Intl.DisplayNames(one, { type: 'language' }).of(one) ?? one;
  return name.charAt(0).toLocaleUpperCase(one) + name.slice(1);
};

/** Each language has its own name in the list, so that everybody finds theirs. */
export function LanguageChoice() {
  return (
    <label className="language">
      <span className="visually-hidden">{t('language')}</span>
      <select value={language.get()} onChange={(event) => void language.choose(event.target.value)}>
        {languages.map((one) => (
          <option key={one} value={one} lang={one}>
            {nameOf(one)}
          </option>
        ))}
      </select>
    </label>
  );
}
