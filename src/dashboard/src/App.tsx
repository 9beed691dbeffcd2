import { lazy, Suspense, useEffect, useRef, useState, type RefObject } from 'react';
import { useConfig } from './config';
import { t, withTexts } from './language';
import { useHasSeveral } from './licenses';
import { Link, Redirect, Route, Switch, useNavigate, usePath, useScrollPosition } from './router';
import { session, useSession } from './session';
import { Boundary } from './ui/Boundary';
import { Button, Links, Notifications, PageTitle, Skeleton } from './ui/kit';
import { LanguageChoice, Who } from './ui/Who';

const SignIn = lazy(() => withTexts(import('./SignIn'), 'signIn'));
const Home = lazy(() => withTexts(import('./customer/Home'), 'home'));
const Licenses = lazy(() => import('./customer/Licenses'));
const License = lazy(() => withTexts(import('./customer/License'), 'license'));
const PaymentMethods = lazy(() => withTexts(import('./customer/PaymentMethods'), 'cards'));
const ConfirmPayment = lazy(() => withTexts(import('./customer/ConfirmPayment'), 'confirm'));
const Wallet = lazy(() => withTexts(import('./customer/Wallet'), 'wallet'));
const Invoices = lazy(() => withTexts(import('./customer/Invoices'), 'invoices'));
const Price = lazy(() => withTexts(import('./customer/Price'), 'price', 'renewals', 'confirm'));
const WasThisYou = lazy(() => withTexts(import('./customer/WasThisYou'), 'wasThisYou', 'activityPage', 'devices', 'confirm', 'price'));
const Alerts = lazy(() => import('./operator/Alerts'));
const Alert = lazy(() => import('./operator/Alert'));
const ShadowAlerts = lazy(() => import('./operator/ShadowAlerts'));
const AllLicenses = lazy(() => import('./operator/AllLicenses'));
const Renewals = lazy(() => import('./operator/Renewals'));
const Reconciliation = lazy(() => import('./operator/Reconciliation'));
const Usage = lazy(() => import('./operator/Usage'));
const Webhooks = lazy(() => import('./operator/Webhooks'));
const System = lazy(() => import('./operator/System'));
const Audit = lazy(() => import('./operator/Audit'));
const Customer = lazy(() => withTexts(import('./operator/Customer'), 'wallet'));
const Reports = lazy(() => import('./operator/Reports'));
const AllPayments = lazy(() => import('./operator/AllPayments'));
const Search = lazy(() => import('./operator/Search'));

export function App() {
  const who = useSession();
  const path = usePath();
  const navigate = useNavigate();
  const main = useRef<HTMLElement>(null);
  const config = useConfig();
  // Only the payment pages may call Stripe. Their content security policy comes with their own document, so links to and from them
  // load the document.
  const document = config?.stripe_publishable_key != null;

  const hasSeveral = useHasSeveral(who);
  const section = path.split('/').slice(0, 3).join('/');
  const page = `${section} ${who?.role}`;
  useScrollPosition(page);
  useHeadingFocus(main, page);
  const [isOpen, setOpen] = useState(false);
  const menuButton = useRef<HTMLButtonElement>(null);
  useEffect(() => setOpen(false), [path]);

  const links =
    who?.role === 'operator'
      ? [
          ['/alerts', t('nav.alerts')],
          ['/licenses', t('nav.all')],
          ['/renewals', t('nav.renewals')],
          ['/usage', t('nav.usage')],
          ['/webhooks', t('nav.webhooks')],
          ['/audit', t('nav.audit')],
          ['/system', t('nav.system')],
        ]
      : [
          ['/', t('nav.home')],
          ...(hasSeveral ? [['/licenses', t('nav.licenses')]] : []),
          ['/wallet', t('nav.wallet')],
          ...(config?.has_invoices ? [['/invoices', t('nav.invoices')]] : []),
          ['/payment-methods', t('nav.cards')],
        ];
  const first = `/${path.split('/')[1]}`;
  // If a customer has one license, the menu has no "Licenses", so its page belongs to "Home".
  const here = first === '/licenses' && who?.role === 'subscriber' && !hasSeveral ? '/' : (parents[first] ?? first);
  const onCards = path.startsWith('/payment-methods');

  return (
    <>
      <a className="skip" href="#content">
        {t('skip')}
      </a>
      <header
        className={isOpen ? undefined : 'closed'}
        onKeyDown={(event) => {
          if (event.key !== 'Escape' || !isOpen) return;
          setOpen(false);
          menuButton.current?.focus();
        }}
      >
        <Link className="brand" to="/" reloadDocument={document && onCards}>
          <Brand />
        </Link>
        {who?.role === 'operator' && (
          <button
            type="button"
            ref={menuButton}
            className="button plain menu"
            aria-expanded={isOpen}
            aria-controls="menu"
            onClick={() => setOpen(!isOpen)}
          >
            {t('menu.button')}
          </button>
        )}
        {who && (
          <Links label={t('menu')} id="menu">
            {links.map(([to, text]) => (
              <Link
                key={to}
                to={to!}
                className={to === here ? 'active' : undefined}
                aria-current={to !== here ? undefined : to === path ? 'page' : 'true'}
                reloadDocument={document && (onCards || to === '/payment-methods')}
              >
                {text}
              </Link>
            ))}
          </Links>
        )}
        {who?.role === 'operator' && (
          <Suspense fallback={<div className="search" />}>
            <Search />
          </Suspense>
        )}
        {who && <Who session={who} />}
        {who?.role !== 'operator' && <LanguageChoice />}
        {who && (
          <div className="sign-out">
            <Button
              look="quiet"
              onPress={() => {
                // The next user must not see the page of this user.
                navigate('/');
                session.signOut();
              }}
            >
              {t('signOut')}
            </Button>
          </div>
        )}
      </header>
      <main id="content" ref={main}>
        <Boundary at={path}>
          <Suspense fallback={<Skeleton rows={6} />}>
            <Switch>
              <Route path="/price" component={Price} />
              <Route path="/was-this-you" component={WasThisYou} />
              {who === null && <Route component={SignIn} />}
              {who?.role === 'subscriber' && (
                <>
                  <Route path="/" component={Home} />
                  <Route path="/wallet" component={Wallet} />
                  <Route path="/invoices" component={Invoices} />
                  <Route path="/licenses" component={Licenses} />
                  <Route path="/payment-methods" component={PaymentMethods} />
                  <Route path="/payment-methods/confirm/:subscriptionId" component={ConfirmPayment} />
                </>
              )}
              {who?.role === 'operator' && (
                <>
                  <Route path="/">
                    <Redirect to="/alerts" replace />
                  </Route>
                  <Route path="/alerts" component={Alerts} />
                  <Route path="/alerts/shadow" component={ShadowAlerts} />
                  <Route path="/alerts/:alertId" component={Alert} />
                  <Route path="/licenses" component={AllLicenses} />
                  <Route path="/renewals" component={Renewals} />
                  <Route path="/renewals/upcoming" component={Renewals} />
                  <Route path="/renewals/refunds" component={Renewals} />
                  <Route path="/renewals/reconciliation" component={Reconciliation} />
                  <Route path="/usage" component={Usage} />
                  <Route path="/webhooks" component={Webhooks} />
                  <Route path="/system" component={System} />
                  <Route path="/audit" component={Audit} />
                  {isId(path.split('/')[2]) && <Route path="/customers/:userId" component={Customer} />}
                  <Route path="/payments" component={AllPayments} />
                  <Route path="/reports" component={Reports} />
                </>
              )}
              {who && isId(path.split('/')[2]) && (
                <Route path="/licenses/:subscriptionId/*?">
                  <License hasList={hasSeveral || who.role === 'operator'} />
                </Route>
              )}
              <Route component={NotFound} />
            </Switch>
          </Suspense>
        </Boundary>
      </main>
      {config?.places_by && (who || path === '/was-this-you') && withLocations.test(path) && (
        <footer className="small">
          {t('locationsBy')} <a href="https://db-ip.com">{config.places_by}</a>, CC BY 4.0
        </footer>
      )}
      <Notifications />
    </>
  );
}

/** Pages that show locations of IP addresses, whose source must be named there. */
const withLocations = /^\/(alerts|usage|customers|was-this-you)(\/|$)|^\/licenses\/[^/]+\/(usage|devices|activity|suspension)/;

const isId = (text?: string) => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text ?? '');

/** Pages that no link of the menu names, and the link under which they are. */
const parents: Record<string, string> = { '/customers': '/licenses', '/payments': '/renewals', '/reports': '/renewals' };

/**
 * Moves the focus to the heading of a new page, so that screen readers continue there, like the view. A heading that comes with the page's
 * data gets the focus then, unless the user has moved it meanwhile.
 */
function useHeadingFocus(main: RefObject<HTMLElement | null>, page: string) {
  useEffect(() => {
    const start = document.activeElement;
    const isDone = () => {
      if (document.activeElement !== start && document.activeElement !== document.body) return true;
      const heading = main.current!.querySelector<HTMLElement>('h1');
      heading?.focus({ preventScroll: true });
      return heading !== null && document.activeElement === heading;
    };
    if (isDone()) return;
    const changes = new MutationObserver(() => isDone() && changes.disconnect());
    changes.observe(main.current!, { childList: true, subtree: true });
    return () => changes.disconnect();
  }, [main, page]);
}

/** The logo of the settings, or the name; the name of the texts until the settings are loaded. */
function Brand() {
  const brand = useConfig()?.brand;
  return brand?.logo_url ? <img src={brand.logo_url} alt={brand.name ?? t('product')} height={32} /> : (brand?.name ?? t('product'));
}

function NotFound() {
  return (
    <>
      <PageTitle title={t('notFound.title')} />
      <p>{t('notFound.text')}</p>
      <Link to="/">{t('notFound.home')}</Link>
    </>
  );
}
