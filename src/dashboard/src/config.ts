import { useEffect, useState } from 'react';
import { call, type Loaded, type Problem } from './api';

/** The settings that the backend publishes without a sign-in. */
export type Config = {
  authority: string | null;
  client_id: string | null;
  audience: string | null;
  scope: string;
  stripe_publishable_key: string | null;
  stripe_test_api: string | null;
  paypal: boolean;
  places_by: string | null;
  has_invoices: boolean;
  brand: { name: string | null; color: string; logo_url: string | null; support_email: string | null };
};

let asked: Promise<Config> | undefined;

export const loadConfig = () =>
  (asked ??= call<Config>('GET', '/app/config.json').catch((failure) => {
    asked = undefined;
    throw failure;
  }));

/** The settings, for a part of a page that can't work without them. */
export function useLoadedConfig(): Loaded<Config> {
  const [state, setState] = useState<{ data?: Config; problem?: Problem; loading: boolean }>({ loading: true });
  const [round, setRound] = useState(0);
  useEffect(() => {
    loadConfig().then(
      (data) => setState({ data, loading: false }),
      (problem: Problem) => setState({ problem, loading: false }),
    );
  }, [round]);
  const reload = () => {
    setState({ loading: true });
    setRound((n) => n + 1);
  };
  return { ...state, reload };
}

export const useConfig = (): Config | undefined => useLoadedConfig().data;
