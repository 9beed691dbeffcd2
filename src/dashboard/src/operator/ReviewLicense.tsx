import { lazy, Suspense, useState } from 'react';
import type { License } from '../licenses';
import { Button } from '../ui/kit';
import { shortcut, useShortcuts } from './shortcuts';
import { words } from './texts';

const Dialog = lazy(() => import('./ReviewLicenseDialog'));

/** The button that suspends or reinstates a license. Its dialog is loaded when it opens. */
export function ReviewLicense({ license, reload }: { license: License; reload: () => void }) {
  const [open, setOpen] = useState(false);
  useShortcuts({ [words.review.key]: () => setOpen(true) });
  return (
    <>
      <Button {...shortcut(words.review.key)} look={license.can_reinstate ? 'main' : 'plain'} onPress={() => setOpen(true)}>
        {license.can_reinstate ? words.review.reinstate : words.review.suspend}
      </Button>
      {open && (
        <Suspense>
          <Dialog license={license} reload={reload} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
