import { call, useLoad } from '../api';
import { format } from '../format';

/** A saved card or PayPal account. */
export type Method = {
  payment_method_id: string;
  payment_provider: string;
  brand: string | null;
  last_four: string | null;
  expiry_month: number | null;
  expiry_year: number | null;
  /** VALID, EXPIRES_SOON or EXPIRED. */
  validity: string;
  is_default: boolean;
};

/** The default one first, then the newest. */
export type Methods = { payment_methods: Method[]; tries_next_method: boolean };

const path = '/api/v1/payment-methods';

export const useMethods = (wanted: boolean, everySeconds?: number) => useLoad<Methods>(wanted ? path : null, everySeconds);

export const list = () => call<Methods>('GET', path);

export const isPayPal = (method: Method) => method.payment_provider === 'paypal';

/** "Visa ••9995". */
export const nameOf = (method: Method) => format.card(isPayPal(method) ? 'paypal' : method.brand, method.last_four);

export const makeDefault = (id: string) => call<void>('PUT', `${path}/${id}/default`);

export const remove = (id: string) => call<void>('DELETE', `${path}/${id}`);
