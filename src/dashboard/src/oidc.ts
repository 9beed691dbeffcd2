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
    // Some issuers make a token for an API only when it is named.
    extraQueryParams: config.audience ? { audience: config.audience } : {},
  });
}

/** Leaves for the issuer; comes back to the page that is open now. */
export const start = (config: Config) => manager(config).signinRedirect({ state: location.pathname + location.search });

/** Takes the code that the issuer sent back, if there is one. Returns the page to go on with. */
export async function finish(config: Config): Promise<string> {
  const user = await manager(config).signinRedirectCallback();
  session.signIn(user.access_token);
  await manager(config).removeUser();
  return typeof user.state === 'string' ? user.state.replace(/^\/app/, '') : '/';
}
