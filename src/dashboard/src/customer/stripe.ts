import { Problem } from '../api';
import { t } from '../language';

// The used part of Stripe.js. Stripe requires that the script is loaded from Stripe's own origin and never bundled.
export type Elements = { create: (kind: 'payment') => { mount: (to: HTMLElement) => void; destroy: () => void } };
export type Stripe = {
  elements: (options: { clientSecret: string; appearance: { theme: string } }) => Elements;
  confirmSetup: (options: { elements: Elements; redirect: 'if_required' }) => Promise<{ error?: { message?: string } }>;
  confirmCardPayment: (clientSecret: string, data: { payment_method: string }) => Promise<{ error?: { message?: string } }>;
};

export const loadStripe = () =>
  new Promise<(key: string) => Stripe>((loaded, failed) => {
    const known = () => (window as unknown as { Stripe?: (key: string) => Stripe }).Stripe;
    if (known()) return loaded(known()!);
    const script = document.createElement('script');
    script.src = 'https://js.stripe.com/v3/';
    script.onload = () => loaded(known()!);
    script.onerror = () => failed(new Problem(0, 'OFFLINE', t('state.offline')));
    document.head.append(script);
  });

/** Confirms an intent at the stand-in, as Stripe.js does at Stripe. If the bank requires authentication, it succeeds. */
export async function confirmAtStandIn(
  api: string,
  kind: 'setup_intents' | 'payment_intents',
  id: string,
  key: string,
  secret: string,
  method: string,
) {
  const reply = await fetch(new URL(`/v1/${kind}/${id}/confirm`, api), {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: new URLSearchParams({ payment_method: method, client_secret: secret }),
  });
  const intent = (await reply.json()) as { status: string; error?: { message: string } };
  if (!reply.ok) throw new Problem(reply.status, 'CARD_REFUSED', intent.error?.message ?? t('state.failed'));
  if (intent.status !== 'requires_action') return;
  await fetch(new URL(`/_standin/intents/${id}/settle`, api), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"paid":true}',
  });
}
