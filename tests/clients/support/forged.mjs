// Leases that a client must refuse, by seed, and some genuine ones that it must accept
import { SignJWT, CompactSign } from 'jose';
import { deviceHash, first, issuer, keys, other, second, sign, typ } from './leases.mjs';

const NOW = 1800000000;
const SUBSCRIPTION = '00000000-0000-4000-8000-000000000301';
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** mulberry32: random numbers from 0 to 1, the same for the same seed. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const base64url = (bytes) => Buffer.from(bytes).toString('base64url');
const encode = (value) => base64url(JSON.stringify(value));

/** One line for a client. `expected` is the reason, if all clients must agree on it; '' for a valid lease. */
export async function lineOf(random, { readsRevocations }) {
  const below = (limit) => Math.floor(random() * limit);
  const one = (list) => list[below(list.length)];
  const device = deviceHash(`EA-${below(50)}\n${1000 + below(50)}`);
  const iat = NOW - below(70 * 3600);
  const claims = { iss: issuer, sub: SUBSCRIPTION, dev: device, ent: 'FULL', iat, exp: NOW + 1 + below(72 * 3600), jti: `j${below(1e9)}` };
  const key = one([first, second]);
  const genuine = await sign(claims, key);
  const [header, payload, signature] = genuine.split('.');
  const line = {
    op: 'verify',
    keys,
    issuer,
    device,
    subscription: SUBSCRIPTION,
    newest_iat: iat - below(3),
    refused_at: iat - 1 - below(3),
    now: NOW,
  };
  const mac = { raw: Buffer.from(key.jwk.x, 'base64url'), text: Buffer.from(key.jwk.x), set: Buffer.from(keys) };
  const tampered = (changes) => `${header}.${encode({ ...claims, ...changes })}.${signature}`;
  const headed = (changes, sealed = signature) => `${encode({ alg: 'EdDSA', kid: key.kid, typ, ...changes })}.${payload}.${sealed}`;
  const forgery = { ...other, kid: key.kid };

  const kinds = {
    genuine: () => ({ lease: genuine, expected: '' }),
    truncated: () => ({ lease: genuine.slice(0, below(genuine.length)) }),
    'one character': () => {
      const at = below(genuine.length);
      return {
        lease: genuine.slice(0, at) + one([...ALPHABET, '.', '=', ' ', '+'].filter((c) => c !== genuine[at])) + genuine.slice(at + 1),
      };
    },
    'another last character for the same bytes': () => {
      const last = ALPHABET.indexOf(genuine.at(-1));
      return { lease: genuine.slice(0, -1) + ALPHABET[last + 1 + below(15)], expected: 'MALFORMED' };
    },
    'one character removed': () => {
      const at = below(genuine.length);
      return { lease: genuine.slice(0, at) + genuine.slice(at + 1) };
    },
    'one character more': () => {
      const at = below(genuine.length + 1);
      return { lease: genuine.slice(0, at) + one([...ALPHABET, '.', '=', '\n', ' ', '%']) + genuine.slice(at) };
    },
    'one bit of the signature': () => {
      const bytes = Buffer.from(signature, 'base64url');
      bytes[below(64)] ^= 1 << below(8);
      return { lease: `${header}.${payload}.${base64url(bytes)}`, expected: 'BAD_SIGNATURE' };
    },
    'a signature of another length': () => {
      const bytes = Buffer.concat([Buffer.from(signature, 'base64url'), Buffer.from([below(256)])]);
      return { lease: `${header}.${payload}.${base64url(bytes.subarray(0, one([0, 1, 32, 63, 65])))}`, expected: 'BAD_SIGNATURE' };
    },
    'S plus the order': () => {
      const bytes = Buffer.from(signature, 'base64url');
      const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + ORDER * BigInt(1 + below(7));
      Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse().copy(bytes, 32);
      return { lease: `${header}.${payload}.${base64url(bytes)}`, expected: 'BAD_SIGNATURE' };
    },
    'a signature of zeros or small points': () => {
      const point = one(['00', '01', 'ec', 'ed']).padEnd(62, one(['0', 'f'])) + one(['00', '7f', '80', 'ff']);
      const bytes = Buffer.concat([Buffer.from(point, 'hex'), Buffer.alloc(32)]);
      return { lease: `${header}.${payload}.${base64url(bytes)}`, expected: 'BAD_SIGNATURE' };
    },
    'alg none': () => ({
      lease: headed({ alg: one(['none', 'None', 'NONE', 'nOnE', '', null]) }, one(['', signature])),
      expected: 'WRONG_TYPE',
    }),
    'another alg in the header': () => ({
      lease: headed({ alg: one(['Ed25519', 'Ed448', 'eddsa', 'EDDSA', 'ES256', 'RS256', 'PS256', ['EdDSA'], 0, undefined]) }),
      expected: 'WRONG_TYPE',
    }),
    'HMAC with the public key': async () => ({
      lease: await new SignJWT(claims)
        .setProtectedHeader({ alg: one(['HS256', 'HS384', 'HS512']), kid: key.kid, typ })
        .sign(one(Object.values(mac))),
      expected: 'WRONG_TYPE',
    }),
    'HMAC that says EdDSA': async () => {
      const sealed = await new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg: 'HS512' }).sign(mac.raw);
      return { lease: headed({}, sealed.split('.')[2]), expected: 'BAD_SIGNATURE' };
    },
    'another key': async () => ({ lease: await sign(claims, forgery), expected: 'BAD_SIGNATURE' }),
    'another key with its own id': async () => ({
      lease: await sign(claims, { ...other, kid: one(['test-3', '', 'TEST-1', '../test-1', 'test-1 ']) }),
      expected: 'UNKNOWN_KEY',
    }),
    'another key in the header': async () => ({
      lease: await sign(
        claims,
        forgery,
        one([{ jwk: other.jwk }, { jku: 'https://example.com/jwks.json' }, { x5u: 'https://example.com' }]),
      ),
      expected: 'BAD_SIGNATURE',
    }),
    'no id of a key': () => ({ lease: headed({ kid: one([undefined, null, 1, ['test-1'], {}]) }), expected: 'UNKNOWN_KEY' }),
    "the other published key's id": () => ({ lease: headed({ kid: key === first ? second.kid : first.kid }), expected: 'BAD_SIGNATURE' }),
    'no published keys': () => ({
      lease: genuine,
      keys: one(['', '{}', '[]', '{"keys":[]}', '{"keys":{}}', 'null', '{']),
      expected: 'UNKNOWN_KEY',
    }),
    'another type': async () => ({
      lease: await sign(claims, key, { typ: one(['JWT', 'at+jwt', 'license-lease+JWT', 'application/license-lease+jwt', '']) }),
      expected: 'WRONG_TYPE',
    }),
    'an extension that must be understood': () => ({ lease: headed({ crit: one([['exp'], [], 'b64', null]) }), expected: 'WRONG_TYPE' }),
    tampered: () => ({
      lease: tampered(
        one([
          { exp: claims.exp + 1 + below(1e6) },
          { iat: NOW },
          { iss: 'https://other.example.com' },
          { dev: deviceHash('EA-9\n9') },
          { sub: 'x' },
          { ent: 'NONE' },
          { more: 1 },
        ]),
      ),
      expected: 'BAD_SIGNATURE',
    }),
    'the signature of another lease': async () => ({
      lease: `${header}.${payload}.${(await sign({ ...claims, jti: 'another' }, key)).split('.')[2]}`,
      expected: 'BAD_SIGNATURE',
    }),
    'text that is not Unicode': () => ({
      lease: one([
        `${base64url(`{"alg":"EdDSA","typ":"${typ}","kid":"\\ud800"}`)}.${payload}.${signature}`,
        `${base64url(`{"alg":"EdDSA","typ":"${typ}","kid":"${key.kid}","\\ud800":1}`)}.${payload}.${signature}`,
        `${base64url(Buffer.from('7bff7d', 'hex'))}.${payload}.${signature}`,
        `${header}.${base64url(Buffer.from('7b22ff223a317d', 'hex'))}.${signature}`,
        genuine.replace(/.$/, one(['\u00e9', '\u0000', '\u{1f600}'])),
      ]),
    }),
    'parts in another order': () => ({
      lease: one([
        [payload, header, signature],
        [header, signature, payload],
        [signature, payload, header],
      ]).join('.'),
    }),
    'another form': () => ({
      lease: one([
        `${genuine}.`,
        `.${genuine}`,
        `${genuine}.${signature}`,
        `${header}.${payload}`,
        `${header}..${signature}`,
        `${header}.${payload}.`,
        '',
        '.',
        '..',
        JSON.stringify({ payload, protected: header, signature }),
        `${genuine}=`,
        ` ${genuine}`,
        `${genuine}\n`,
        `Bearer ${genuine}`,
        `${header}=.${payload}.${signature}`,
        genuine.replaceAll('.', '..'),
        genuine.repeat(12),
      ]),
    }),
    'signed text that is not an object': async () => ({
      lease: await sign(one(['', '[]', 'null', '"FULL"', '1', '{', '{}x', JSON.stringify(claims).slice(1)]), key),
      expected: 'MALFORMED',
    }),
    'signed claims of another type': async () => {
      const name = one(['iss', 'sub', 'dev', 'ent', 'iat', 'exp']);
      const wrong = name === 'iat' || name === 'exp' ? ['', '1', -1, 0.5, 1e300, null, {}, 32503680000] : [1, null, [], true];
      return { lease: await sign({ ...claims, [name]: one([undefined, ...wrong]) }, key), expected: 'MALFORMED' };
    },
    'of another issuer': async () => ({
      lease: await sign({ ...claims, iss: one(['https://other.example.com', `${issuer}/`, issuer.toUpperCase(), '']) }, key),
      expected: 'OTHER_ISSUER',
    }),
    'not for trading': async () => ({
      lease: await sign({ ...claims, ent: one(['CLOSE_ONLY', 'NONE', 'full', 'FULL ', '']) }, key),
      expected: 'NOT_FULL',
    }),
    moved: async () => ({
      lease: await sign({ ...claims, dev: one([deviceHash(`EA-${below(50)}\n9`), device.toLowerCase(), `${device}=`, '']) }, key),
      expected: 'OTHER_DEVICE',
    }),
    'of another license': async () => ({
      lease: await sign({ ...claims, sub: SUBSCRIPTION.replace('301', `${400 + below(99)}`) }, key),
      expected: 'OTHER_LICENSE',
    }),
    expired: () => ({ lease: genuine, now: claims.exp + one([0, 1, below(1e6)]), expected: 'EXPIRED' }),
    revoked: () => ({ lease: genuine, newest_iat: 0, refused_at: iat + one([0, below(1e5)]), expected: 'REVOKED' }),
    'in the list of revocations': () => ({ lease: genuine, revoked: ['another', claims.jti], expected: 'REVOKED' }),
    'not in the list of revocations': () => ({ lease: genuine, revoked: ['another', `${claims.jti}x`], expected: '' }),
    'rolled back': () => ({ lease: genuine, newest_iat: iat + 1 + one([0, below(1e5)]), expected: 'ROLLED_BACK' }),
  };
  const kind = one(Object.keys(kinds).filter((name) => readsRevocations || !name.includes('list of revocations')));
  const { expected, ...changes } = await kinds[kind]();
  return { kind, expected, line: { ...line, ...changes } };
}
