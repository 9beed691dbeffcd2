import { Component, type ReactNode } from 'react';
import { t } from '../language';
import { Button, PageTitle } from './kit';

type Props = { at: string; children: ReactNode };

/** Shows a retry where a page failed, above all where its file could not be loaded: after a new version, or offline. */
export class Boundary extends Component<Props, { failed: boolean }> {
  state = { failed: false };

  static getDerivedStateFromError = () => ({ failed: true });

  /** Another page may work. */
  componentDidUpdate(before: Props) {
    if (this.state.failed && before.at !== this.props.at) this.setState({ failed: false });
  }

  render() {
    if (!this.state.failed) return this.props.children;
    return (
      <div role="alert">
        <PageTitle title={t('state.failed')} />
        {!navigator.onLine && <p>{t('state.noConnection')}</p>}
        <Button look="main" onPress={() => location.reload()}>
          {t('state.again')}
        </Button>
      </div>
    );
  }
}
