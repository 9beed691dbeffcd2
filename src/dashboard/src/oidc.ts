import { UserManager, WebStorageStateStore } from 'oidc-client-ts';
import type { Config } from './config';
import { session } from './session';

function manager(config: Config) {
  return new UserManager({
    authority: config.authority!,
    client_id: config.client_id!,
    redirect_uri: `${location.origin}/app/`,
    response_type: 'code',
    scope: config.scope,
    automaticSilentRenew: false,
    stateStore: new WebStorageStateStore({ store: sessionStorage }),
    userStore: new WebStorageStateStore({ store: sessionStorage }),
    // Some issuers create a token for an API only if the request names its audience.
    extraQueryParams: config.audience ? { audience: config.audience } : {},
  });
}

/** Redirects to the issuer. After the sign-in, the current page opens again. */
export const start = (config: Config) => manager(config).signinRedirect({ state: location.pathname + location.search });

/** Exchanges the issuer's code for a token. Returns the path of the page to continue with. */
export async function finish(config: Config): Promise<string> {
  const user = await manager(config).signinRedirectCallback();
  session.signIn(user.access_token);
  await manager(config).removeUser();
  return typeof user.state === 'string' ? user.state.replace(/^\/app/, '') : '/';
}
