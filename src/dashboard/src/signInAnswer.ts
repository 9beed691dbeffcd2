import { loadConfig } from './config';

let hasFailed = false;

/** Whether the issuer's answer was an error, or its code could not be exchanged. */
export const signInFailed = () => hasFailed;

/** Takes the answer of the issuer, if it has just redirected back. Runs before the first rendering: the role decides the language. */
export async function takeSignInAnswer() {
  const answer = new URLSearchParams(location.search);
  if (!answer.has('error') && !(answer.has('code') && answer.has('state'))) return;
  let next = location.pathname;
  try {
    const [config, { finish }] = await Promise.all([loadConfig(), import('./oidc')]);
    next = await finish(config);
  } catch {
    hasFailed = true;
  }
  history.replaceState(null, '', next);
}
