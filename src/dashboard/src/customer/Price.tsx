import { call, useAction } from '../api';
import { format } from '../format';
import { t, word } from '../language';
import { Button, Facts, ProblemBox } from '../ui/kit';
import { Done, MailPage } from './MailPage';

type Question = {
  master: string | null;
  amount_usd: number | null;
  debt_usd: number;
  old_amount_usd: number | null;
  pays_with: string | null;
  brand: string | null;
  last_four: string | null;
  expires_at: string;
  /** Null once it is paid; undefined from an earlier backend. */
  renews_until?: string | null;
  accepted: boolean;
};

// If the price changed after it was shown, the answer has the new one, and the customer is asked again.
const ask = (token: string, shown?: Question) =>
  call<Question>('POST', '/api/v1/renewals/price-consent', { token, accept: shown !== undefined, amount_usd: shown?.amount_usd });

export default function Price() {
  const action = useAction();
  return (
    <MailPage<Question> title={t('price.title')} badText={t('price.badText')} rows={2} read={(token) => ask(token)}>
      {(question, token, change) =>
        question.accepted ? (
          <Done>
            {t('price.accepted', { amount: format.money(question.amount_usd) })}
            {question.renews_until &&
              question.pays_with &&
              ` ${t('price.renews', { day: format.day(question.renews_until), method: means(question) })}`}
          </Done>
        ) : (
          <>
            <p>{t('price.text')}</p>
            <Facts
              rows={[
                ...(question.master ? [[t('confirm.license'), question.master] as [string, string]] : []),
                [t('renewals.expires'), format.day(question.expires_at)],
                // The price so far may not be known.
                ...(question.old_amount_usd === null ? [] : [[t('price.old'), format.money(question.old_amount_usd)] as [string, string]]),
                [t('price.new'), format.money(question.amount_usd)],
                [t('renewals.paysWith'), means(question)],
                ...(question.renews_until ? [[t('renewals.newEnd'), format.day(question.renews_until)] as [string, string]] : []),
              ]}
            />
            {question.debt_usd > 0 && <p>{t('price.debt', { amount: format.money(question.debt_usd) })}</p>}
            <p className="small">{t('price.later')}</p>
            {action.problem && <ProblemBox problem={action.problem} />}
            <div className="actions">
              <Button look="main" isPending={action.busy} onPress={() => void action.run(async () => change(await ask(token, question)))}>
                {t('price.accept')}
              </Button>
            </div>
          </>
        )
      }
    </MailPage>
  );
}

const means = ({ pays_with, brand, last_four }: Question) =>
  brand === 'paypal'
    ? format.brand(brand)
    : last_four
      ? t('cards.short', { brand: format.brand(brand), four: last_four })
      : pays_with
        ? (word('renewals.with', pays_with) ?? pays_with)
        : t('renewals.cannotPay');
