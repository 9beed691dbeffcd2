import { useSyncExternalStore } from 'react';

/** Who is signed in, as his token says; what he may do is decided by the backend alone. */
export type Session = { token: string; userId: string; role: 'subscriber' | 'operator'; expiresAt: number };

// For this tab and its reloads only: a token that lies in localStorage outlives the person at the screen.
const key = 'license-session';
const listeners = new Set<() => void>();
let current = restore();

function restore(): Session | null {
  const token = sessionStorage.getItem(key);
  return token ? read(token) : null;
}

function read(token: string): Session | null {
  try {
    const claims = JSON.parse(atob(token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/'))) as { sub?: string; role?: string; exp?: number };
    const expiresAt = (claims.exp ?? 0) * 1000;
    if (expiresAt <= Date.now()) return null;
    return { token, userId: claims.sub ?? '', role: claims.role === 'operator' ? 'operator' : 'subscriber', expiresAt };
  } catch {
    return null;
  }
}

function change(next: Session | null) {
  current = next;
  listeners.forEach((tell) => tell());
}

export const session = {
  get: () => current,
  signIn(token: string) {
    sessionStorage.setItem(key, token);
    change(read(token));
  },
  signOut() {
    sessionStorage.removeItem(key);
    change(null);
  },
};

export function useSession(): Session | null {
  return useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    session.get,
  );
}
