import { useSyncExternalStore } from 'react';

/** The signed-in user according to the token. Only the backend decides what the user may do. */
export type Session = { token: string; userId: string; role: 'subscriber' | 'operator'; expiresAt: number };

// sessionStorage ends with the tab. In localStorage the token would outlive the user's visit.
const key = 'license-session';
const listeners = new Set<() => void>();
let ended = false;
let current = restore();

function restore(): Session | null {
  const token = sessionStorage.getItem(key);
  const found = token ? read(token) : null;
  ended = token !== null && found === null;
  return found;
}

function read(token: string): Session | null {
  try {
    const claims = JSON.parse(atob(token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/'))) as {
      sub?: string;
      role?: string;
      exp?: number;
    };
    const expiresAt = (claims.exp ?? 0) * 1000;
    if (expiresAt <= Date.now()) return null;
    return { token, userId: claims.sub ?? '', role: claims.role === 'operator' ? 'operator' : 'subscriber', expiresAt };
  } catch {
    return null;
  }
}

function change(next: Session | null) {
  current = next;
  listeners.forEach((listener) => listener());
}

export const session = {
  get: () => current,
  /** Whether the session expired; the sign-in page then shows a notice. */
  hasEnded: () => ended,
  signIn(token: string) {
    ended = false;
    sessionStorage.setItem(key, token);
    change(read(token));
  },
  signOut() {
    ended = false;
    sessionStorage.removeItem(key);
    change(null);
  },
  onChange(listener: () => void) {
    listeners.add(listener);
  },
  end() {
    ended = true;
    sessionStorage.removeItem(key);
    change(null);
  },
};

export function useSession(): Session | null {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, session.get);
}

/** Whether an operator is signed in. Otherwise, the pages of a license show it to its owner. */
export const useIsOperator = () => useSession()?.role === 'operator';
