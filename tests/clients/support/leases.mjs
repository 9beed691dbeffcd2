// Leases for the tests, signed by jose with keys of the test
import { createHash } from 'node:crypto';
import { CompactSign, exportJWK, generateKeyPair } from 'jose';

const published = await Promise.all(['test-1', 'test-2'].map(newKey));
export const [first, second] = published;
export const other = await newKey('test-1'); // not published, with the id of one that is
export const keys = JSON.stringify({ keys: published.map(({ kid, jwk }) => ({ ...jwk, kid, alg: 'EdDSA', use: 'sig' })) });

export const deviceHash = (device) => createHash('sha256').update(device).digest('base64url');
export const issuer = 'https://licenses.example.com';
export const typ = 'license-lease+jwt';

async function newKey(kid) {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  return { kid, privateKey, jwk: await exportJWK(publicKey) };
}

export const sign = (claims, key = first, header = {}) =>
  new CompactSign(Buffer.from(typeof claims === 'string' ? claims : JSON.stringify(claims)))
    .setProtectedHeader({ alg: 'EdDSA', kid: key.kid, typ, ...header })
    .sign(key.privateKey);
