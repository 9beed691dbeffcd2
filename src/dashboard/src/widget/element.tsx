import { createRoot, type Root } from 'react-dom/client';
import { language } from '../language';
import { LicenseHealthWidget, type WidgetProps } from './LicenseHealthWidget';
import css from './widget.css?inline';

// The backend is at the origin of this script.
const source = document.currentScript instanceof HTMLScriptElement ? new URL(document.currentScript.src).origin : '';
// A constructed style sheet is no inline style, so the host page's content security policy allows it.
const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

// All elements of a document have one language: that of the first one, or of the one whose attribute changed last.
let chosen = false;

function speak(element: HTMLElement) {
  chosen = true;
  void language.use(language.known(element.closest('[lang]')?.getAttribute('lang')) ?? language.preferred());
}

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
    if (!chosen) speak(this);
    this.render();
  }

  disconnectedCallback() {
    this.stop?.();
    this.root?.unmount();
    this.root = undefined;
  }

  attributeChangedCallback(name: string) {
    if (name === 'lang' && this.root) speak(this);
    this.render();
  }

  private render() {
    if (!language.ready()) return;
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
