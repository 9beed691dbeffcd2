import { lazy, Suspense, useEffect, useRef, useState, type RefObject } from 'react';
import { Link, NavLink, Navigate, Route, Routes, useLocation } from 'react-router';
import { useConfig } from './config';
import { language, t } from './language';
import { useHasSeveral } from './licenses';
import { session, useSession } from './session';
import { SignIn } from './SignIn';
import { Boundary } from './ui/Boundary';
import { Button, Links, Notifications, PageTitle, Skeleton } from './ui/kit';
import { LanguageChoice, Who } from './ui/Who';

/** A page with texts that no first view has. */
const withTexts = <T,>(page: Promise<T>) => Promise.all([page, language.complete()]).then(([loaded]) => loaded);

const Home = lazy(() => import('./customer/Home'));
const Licenses = lazy(() => import('./customer/Licenses'));
const License = lazy(() => withTexts(import('./customer/License')));
const PaymentMethods = lazy(() => withTexts(import('./customer/PaymentMethods')));
const ConfirmPayment = lazy(() => withTexts(import('./customer/ConfirmPayment')));
const Wallet = lazy(() => withTexts(import('./customer/Wallet')));
const Invoices = lazy(() => withTexts(import('./customer/Invoices')));
const Price = lazy(() => withTexts(import('./customer/Price')));
const WasThisYou = lazy(() => withTexts(import('./customer/WasThisYou')));
const Alerts = lazy(() => import('./operator/Alerts'));
const Alert = lazy(() => withTexts(import('./operator/Alert')));
const ShadowAlerts = lazy(() => withTexts(import('./operator/ShadowAlerts')));
const AllLicenses = lazy(() => withTexts(import('./operator/AllLicenses')));
const Renewals = lazy(() => withTexts(import('./operator/Renewals')));
const Reconciliation = lazy(() => withTexts(import('./operator/Reconciliation')));
const Usage = lazy(() => withTexts(import('./operator/Usage')));
const Webhooks = lazy(() => withTexts(import('./operator/Webhooks')));
const System = lazy(() => withTexts(import('./operator/System')));
const Audit = lazy(() => withTexts(import('./operator/Audit')));
const Customer = lazy(() => withTexts(import('./operator/Customer')));
const Reports = lazy(() => withTexts(import('./operator/Reports')));
const AllPayments = lazy(() => withTexts(import('./operator/AllPayments')));
const Search = lazy(() => import('./operator/Search'));

export function App() {
  const who = useSession();
  const route = useLocation();
  const main = useRef<HTMLElement>(null);
  const config = useConfig();
  // Only the payment pages may call Stripe. Their content security policy comes with their own document, so links to and from them
  // load the document.
  const document = config?.stripe_publishable_key != null;

  const hasSeveral = useHasSeveral(who);
  const section = route.pathname.split('/').slice(0, 3).join('/');
  useHeadingFocus(main, `${section} ${who?.role}`);
  const [isOpen, setOpen] = useState(false);
  const menuButton = useRef<HTMLButtonElement>(null);
  useEffect(() => setOpen(false), [route.pathname]);

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
  const first = `/${route.pathname.split('/')[1]}`;
  // If a customer has one license, the menu has no "Licenses", so its page belongs to "Home".
  const here = first === '/licenses' && who?.role === 'subscriber' && !hasSeveral ? '/' : (parents[first] ?? first);
  const onCards = route.pathname.startsWith('/payment-methods');

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
        <NavLink className="brand" to="/" reloadDocument={document && onCards}>
          <Brand />
        </NavLink>
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
                aria-current={to !== here ? undefined : to === route.pathname ? 'page' : 'true'}
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
            <Button look="quiet" onPress={session.signOut}>
              {t('signOut')}
            </Button>
          </div>
        )}
      </header>
      <main id="content" ref={main}>
        <Boundary at={route.pathname}>
          <Suspense fallback={<Skeleton rows={6} />}>
            <Routes>
              <Route path="/price" element={<Price />} />
              <Route path="/was-this-you" element={<WasThisYou />} />
              {who === null && <Route path="*" element={<SignIn />} />}
              {who?.role === 'subscriber' && (
                <>
                  <Route path="/" element={<Home />} />
                  <Route path="/wallet" element={<Wallet />} />
                  <Route path="/invoices" element={<Invoices />} />
                  <Route path="/licenses" element={<Licenses />} />
                  <Route path="/payment-methods" element={<PaymentMethods />} />
                  <Route path="/payment-methods/confirm/:subscriptionId" element={<ConfirmPayment />} />
                </>
              )}
              {who?.role === 'operator' && (
                <>
                  <Route path="/" element={<Navigate to="/alerts" replace />} />
                  <Route path="/alerts" element={<Alerts />} />
                  <Route path="/alerts/shadow" element={<ShadowAlerts />} />
                  <Route path="/alerts/:alertId" element={<Alert />} />
                  <Route path="/licenses" element={<AllLicenses />} />
                  <Route path="/renewals" element={<Renewals />} />
                  <Route path="/renewals/upcoming" element={<Renewals tab="upcoming" />} />
                  <Route path="/renewals/refunds" element={<Renewals tab="refunds" />} />
                  <Route path="/renewals/reconciliation" element={<Reconciliation />} />
                  <Route path="/usage" element={<Usage />} />
                  <Route path="/webhooks" element={<Webhooks />} />
                  <Route path="/system" element={<System />} />
                  <Route path="/audit" element={<Audit />} />
                  <Route path="/customers/:userId" element={isId(route.pathname.split('/')[2]) ? <Customer /> : <NotFound />} />
                  <Route path="/payments" element={<AllPayments />} />
                  <Route path="/reports" element={<Reports />} />
                </>
              )}
              {who && isId(route.pathname.split('/')[2]) && (
                <Route path="/licenses/:subscriptionId/*" element={<License hasList={hasSeveral || who.role === 'operator'} />} />
              )}
              <Route path="*" element={<NotFound />} />
            </Routes>
          </Suspense>
        </Boundary>
      </main>
      {config?.places_by && (who || route.pathname === '/was-this-you') && withLocations.test(route.pathname) && (
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
    window.scrollTo(0, 0);
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
      <NavLink to="/">{t('notFound.home')}</NavLink>
    </>
  );
}
