import { createRoot, type Root } from 'react-dom/client';
import { LicenseHealthWidget, type WidgetProps } from './LicenseHealthWidget';
import css from './widget.css?inline';

// Where this script came from is where the backend is.
const source = document.currentScript instanceof HTMLScriptElement ? new URL(document.currentScript.src).origin : '';
// A sheet made by script is no inline style: it works under any policy of the page around.
const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

/**
 * `<license-health subscription-id="…" token="…">`, or with `element.getToken = async () => …`. Attributes: api (the backend's
 * address, this script's by default) and refresh (seconds, 60).
 */
class LicenseHealth extends HTMLElement {
  static readonly observedAttributes = ['subscription-id', 'token', 'api', 'refresh'];

  private root?: Root;
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
      // Set on the plain element before this script had come.
      const early = (this as { getToken?: WidgetProps['getToken'] }).getToken;
      delete (this as { getToken?: unknown }).getToken;
      this.tokenSource = early;
    }
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    shadow.adoptedStyleSheets = [sheet];
    this.root = createRoot(shadow);
    this.render();
  }

  disconnectedCallback() {
    this.root?.unmount();
    this.root = undefined;
  }

  attributeChangedCallback() {
    this.render();
  }

  private render() {
    const subscriptionId = this.getAttribute('subscription-id');
    this.root?.render(
      subscriptionId && (
        <LicenseHealthWidget
          key={this.tokenSource ? 'callback' : 'token'}
          subscriptionId={subscriptionId}
          api={this.getAttribute('api') ?? source}
          token={this.getAttribute('token') ?? undefined}
          getToken={this.tokenSource}
          refresh={Number(this.getAttribute('refresh') ?? 60)}
        />
      ),
    );
  }
}

if (!customElements.get('license-health')) customElements.define('license-health', LicenseHealth);
