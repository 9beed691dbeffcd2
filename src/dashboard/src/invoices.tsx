import type { useAction } from './api';
import { saveFile } from './files';
import { language } from './language';
import { Button } from './ui/kit';

export type Invoice = {
  number: string;
  kind: string;
  issued_at: string;
  booked_at: string;
  corrects: string | null;
  gross_usd: number;
  tax_usd: number;
  tax_percent: number;
  subscription_id: string;
  master: string | null;
};
export type InvoiceList = { is_on: boolean; invoices: Invoice[]; next: string | null };

/** Saves an invoice as a file, in the language of the page. */
export function download(number: string, kind: 'pdf' | 'xml') {
  const query = new URLSearchParams({ format: kind, language: language.get() });
  return saveFile(`/api/v1/invoices/${encodeURIComponent(number)}/file?${query}`, `${number}.${kind}`);
}

/** Buttons that save an invoice as a file. */
export function InvoiceFiles({ number, action }: { number: string; action: ReturnType<typeof useAction> }) {
  return (
    <div className="files">
      {(['pdf', 'xml'] as const).map((kind) => (
        <Button
          key={kind}
          look="quiet"
          aria-label={`${kind.toUpperCase()} ${number}`}
          isDisabled={action.busy}
          onPress={() => void action.run(() => download(number, kind))}
        >
          {kind.toUpperCase()}
        </Button>
      ))}
    </div>
  );
}
