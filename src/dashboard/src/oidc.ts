import { OidcClient, WebStorageStateStore } from 'oidc-client-ts';
import type { Config } from './config';
import { session } from './session';

// Not UserManager, which adds frames, windows and silent renewals, and twice the size.
const client = (config: Config) =>
  new OidcClient({
    authority: config.authority!,
    client_id: config.client_id!,
    redirect_uri: `${location.origin}/app/`,
    response_type: 'code',
    requestTimeoutInSeconds: 10,
    scope: config.scope,
    stateStore: new WebStorageStateStore({ store: sessionStorage }),
    // Some issuers create a token for an API only if the request names its audience.
    extraQueryParams: config.audience ? { audience: config.audience } : {},
  });

/** Redirects to the issuer. After the sign-in, the current page opens again. The promise ends if the browser goes back to this page. */
export async function start(config: Config) {
  const { url } = await client(config).createSigninRequest({ state: location.pathname + location.search });
  location.assign(url);
  await new Promise<void>((shown) => addEventListener('pageshow', () => shown(), { once: true }));
}

/** Exchanges the issuer's code for a token. Returns the address of the page to continue with. */
export async function finish(config: Config): Promise<string> {
  const { access_token, userState } = await client(config).processSigninResponse(location.href);
  session.signIn(access_token);
  return typeof userState === 'string' ? userState : '/app/';
}
