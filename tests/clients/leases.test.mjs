// Leases of the real backend, verified by jose and accepted by the three clients
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { compactVerify, createRemoteJWKSet, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { Backend } from '../dashboard/support/backend.mjs';
import { clients } from './support/clients.mjs';
import { deviceHash, typ } from './support/leases.mjs';

const device = 'EA-1\n1001';
let backend, jwks, answer;

const check = async (ea_instance_id = 'EA-1') => {
  const reply = await fetch(`${backend.address}/api/v1/licenses/validate`, {
    method: 'POST',
    headers: { authorization: 'License demo-tunde', 'content-type': 'application/json' },
    body: JSON.stringify({ ea_instance_id, mt5_account_number: 1001, nonce: 'n' }),
  });
  return { status: reply.status, text: await reply.text() };
};

before(async () => {
  backend = await Backend.start();
  jwks = createRemoteJWKSet(new URL(`${backend.address}/.well-known/jwks.json`));
  const { status, text } = await check();
  assert.equal(status, 200);
  answer = { ...JSON.parse(text), text };
});

after(() => backend?.stop());

test('jose verifies a lease with the published keys, and finds the claims', async () => {
  const { payload, protectedHeader } = await jwtVerify(answer.lease, jwks, {
    algorithms: ['EdDSA'],
    typ,
    issuer: backend.address,
    subject: answer.subscription_id,
  });
  assert.deepEqual(Object.keys(protectedHeader).sort(), ['alg', 'kid', 'typ']);
  assert.equal(payload.dev, deviceHash(device));
  assert.equal(payload.ent, 'FULL');
  assert.equal(payload.exp - payload.iat, 3600);
  assert.match(payload.jti, /^[0-9a-f-]{36}$/);
  const { keys } = await (await fetch(`${backend.address}/.well-known/jwks.json`)).json();
  assert.equal(keys.length, 2);
  assert.equal(decodeProtectedHeader(answer.lease).kid, keys[0].kid);
});

test('jose refuses a lease with a changed claim, and one of another backend', async () => {
  const [header, claims, signature] = answer.lease.split('.');
  const longer = { ...JSON.parse(Buffer.from(claims, 'base64url')), exp: 2_000_000_000 };
  const changed = [header, Buffer.from(JSON.stringify(longer)).toString('base64url'), signature].join('.');
  await assert.rejects(compactVerify(changed, jwks), errors.JWSSignatureVerificationFailed);
  await assert.rejects(jwtVerify(answer.lease, jwks, { issuer: 'https://other.example.com' }), errors.JWTClaimValidationFailed);
});

for (const [name, client] of Object.entries(clients))
  test(`${name} goes on with a real lease while nobody answers`, async () => {
    const keys = await (await fetch(`${backend.address}/.well-known/jwks.json`)).text();
    const now = Math.floor(Date.parse(answer.checked_at) / 1000);
    const line = { op: 'decide', keys, issuer: backend.address, device: deviceHash(device) };
    const [first] = await client([{ ...line, state: {}, answer: { status: 200, body: answer.text, nonce: 'n' }, now, elapsed: -1 }]);
    assert.deepEqual([first.entitlement, first.message, first.state.lease], ['FULL', 'VALID', answer.lease]);

    const none = { status: 0, body: '', nonce: 'm' };
    const [later] = await client([{ ...line, state: first.state, answer: none, now: now + 3000, elapsed: 3000 }]);
    const elsewhere = deviceHash('EA-2\n1001');
    const [moved] = await client([{ ...line, device: elsewhere, state: first.state, answer: none, now: now + 300, elapsed: 300 }]);
    const [another] = await client([{ ...line, issuer: 'https://other.example.com', state: first.state, answer: none, now, elapsed: 0 }]);
    assert.equal(another.message, 'KEPT');
    assert.deepEqual([later.entitlement, later.message], ['FULL', 'LEASE']);
    assert.equal(moved.message, 'KEPT');
  });
