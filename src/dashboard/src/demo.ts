// The address that `./dev run` prints has the secret of the demo sign-in in its fragment, which browsers don't send.
const key = 'demo-secret';
const prefix = '#demo=';

if (location.hash.startsWith(prefix)) {
  localStorage.setItem(key, location.hash.slice(prefix.length));
  history.replaceState(history.state, '', location.pathname + location.search);
}

/** The header that the demo sign-in requires. */
export const demoHeaders = (): Record<string, string> => ({ 'x-demo-secret': localStorage.getItem(key) ?? '' });
