import { useEffect, useState } from 'react';
import { call } from './api';

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

export function useConfig(): Config | undefined {
  const [config, setConfig] = useState<Config>();
  useEffect(() => void loadConfig().then(setConfig, () => {}), []);
  return config;
}
