import { Dialog, Heading, I18nProvider, Modal, ModalOverlay } from 'react-aria-components';
import { language, t } from '../language';
import { Button, ProblemBox, type ConfirmProps } from './kit';

/** The dialog stays open while the action runs, and shows its failure. */
export default function ConfirmDialog({
  open,
  title,
  text,
  go,
  look = 'main',
  busy,
  problem,
  disabled,
  alone,
  children,
  onGo,
  onClose,
}: ConfirmProps) {
  return (
    <I18nProvider locale={language.locale()}>
      <ModalOverlay className="overlay" isOpen={open} isDismissable={!busy} onOpenChange={(now) => now || onClose()}>
        <Modal className="modal">
          <Dialog>
            <Heading slot="title" level={2}>
              {title}
            </Heading>
            {text && <p>{text}</p>}
            <form
              onSubmit={(event) => {
                event.preventDefault();
                onGo();
              }}
            >
              {children}
              {problem && <ProblemBox problem={problem} />}
              <div className="actions">
                {!alone && (
                  <Button onPress={onClose} isDisabled={busy}>
                    {t('cancel')}
                  </Button>
                )}
                <Button type="submit" look={look} isDisabled={disabled} isPending={busy}>
                  {go}
                </Button>
              </div>
            </form>
          </Dialog>
        </Modal>
      </ModalOverlay>
    </I18nProvider>
  );
}
