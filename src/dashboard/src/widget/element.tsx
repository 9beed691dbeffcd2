import { createRoot, type Root } from 'react-dom/client';
import { LicenseHealthWidget, type WidgetProps } from './LicenseHealthWidget';
import { language } from '../language';
import css from './widget.css?inline';

// The backend is at the origin of this script.
const source = document.currentScript instanceof HTMLScriptElement ? new URL(document.currentScript.src).origin : '';
// A constructed style sheet is no inline style, so the host page's content security policy allows it.
// All elements of a document have one language.
let loaded: string | undefined;
const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

/**
 * `<license-health subscription-id="…" token="…">`, or with `element.getToken = async () => …` in place of the token.
 * Attributes: api (the backend's origin; default: this script's origin), refresh (seconds; default: 60), theme (light or dark; default:
 * the browser's setting), lang (default: the language of the page, otherwise the browser's).
 */
class LicenseHealth extends HTMLElement {
  static readonly observedAttributes = ['subscription-id', 'token', 'api', 'refresh', 'theme', 'lang'];

  private root?: Root;
  private stop?: () => void;
  private tokenSource?: WidgetProps['getToken'];

  get getToken() {
    return this.tokenSource;
  }

  set getToken(source: WidgetProps['getToken']) {
    this.tokenSource = source;
    this.render();
  }

  connectedCallback() {
    if (Object.hasOwn(this, 'getToken')) {
      // Set on the plain element before this script was loaded.
      const early = (this as { getToken?: WidgetProps['getToken'] }).getToken;
      delete (this as { getToken?: unknown }).getToken;
      this.tokenSource = early;
    }
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    shadow.adoptedStyleSheets = [sheet];
    this.root = createRoot(shadow);
    this.stop = language.subscribe(() => this.render());
    this.render();
  }

  disconnectedCallback() {
    this.stop?.();
    this.root?.unmount();
    this.root = undefined;
  }

  attributeChangedCallback() {
    this.render();
  }

  private render() {
    const wanted = language.known(this.getAttribute('lang') ?? this.closest('[lang]')?.getAttribute('lang')) ?? language.preferred();
    if (wanted !== loaded) {
      loaded = wanted;
      void language.use(wanted);
    }
    if (language.get() !== wanted || !language.ready()) return;
    const subscriptionId = this.getAttribute('subscription-id');
    this.root?.render(
      subscriptionId && (
        <LicenseHealthWidget
          key={`${language.get()} ${this.tokenSource ? 'callback' : 'token'}`}
          subscriptionId={subscriptionId}
          api={this.getAttribute('api') ?? source}
          token={this.getAttribute('token') ?? undefined}
          getToken={this.tokenSource}
          refresh={Number(this.getAttribute('refresh') ?? 60)}
          theme={this.getAttribute('theme') ?? undefined}
        />
      ),
    );
  }
}

if (!customElements.get('license-health')) customElements.define('license-health', LicenseHealth);
