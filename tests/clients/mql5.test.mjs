// The MQL5 client: its cryptography against RFC 8032 and Node.js, and the example expert advisor in a terminal that the shim plays.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { clients, example } from './support/clients.mjs';
import { randomOf } from './support/forged.mjs';

const random = randomOf(Number(process.env.SEED ?? 1));
const bytes = (length) => Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
const hex = (value) => Buffer.from(value).toString('hex');

// RFC 8032, 7.1: tests 1, 2, 3 and SHA(abc)
const vectors = [
  [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
  [
    'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    hex(createHash('sha512').update('abc').digest()),
    'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  ],
];

test('RFC 8032 test vectors verify, and not with another message', async () => {
  const lines = vectors.flatMap(([key, message, signature]) => [
    { op: 'ed25519', key, message, signature },
    { op: 'ed25519', key, message: `${message}00`, signature },
  ]);

  assert.deepEqual(
    (await clients.mql5(lines)).map(({ valid }) => valid),
    vectors.flatMap(() => [true, false]),
  );
});

test('signatures of Node.js verify, and not with one changed bit', async () => {
  const lines = Array.from({ length: 128 }, (_, length) => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const message = bytes(length);
    const signature = sign(null, message, privateKey);
    const key = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url');
    const damaged = Buffer.from(signature);
    damaged[length % 64] ^= 1 << Math.floor(random() * 8);
    return [signature, damaged].map((one) => ({ op: 'ed25519', key: hex(key), message: hex(message), signature: hex(one) }));
  }).flat();

  assert.deepEqual(
    (await clients.mql5(lines)).map(({ valid }) => valid),
    lines.map((_, at) => at % 2 === 0),
  );
});

test('keys that are not points of the curve verify nothing', async () => {
  const [, message, signature] = vectors[0];
  const keys = ['02'.padEnd(64, '0'), 'ff'.repeat(32), `${'ed'.padEnd(62, 'f')}7f`, 'aa', ''];
  const results = await clients.mql5(keys.map((key) => ({ op: 'ed25519', key, message, signature })));

  assert.deepEqual(
    results.map(({ valid }) => valid),
    keys.map(() => false),
  );
});

for (const op of ['sha256', 'sha512'])
  test(`${op} is that of Node.js for every length up to 300 bytes`, async () => {
    const messages = Array.from({ length: 301 }, (_, length) => bytes(length));
    const results = await clients.mql5(messages.map((message) => ({ op, message: hex(message) })));

    assert.deepEqual(
      results.map(({ hash }) => hash),
      messages.map((message) => createHash(op).update(message).digest('hex')),
    );
  });

const files = new URL('../../src/Clients/mql5/', import.meta.url);
const sources = readdirSync(files, { recursive: true }).filter((name) => /\.(mqh|mq5)$/.test(name));

test('the client names no function that trades or removes the expert advisor', () => {
  assert.ok(sources.length >= 9);
  for (const source of sources)
    assert.doesNotMatch(
      readFileSync(new URL(source, files), 'utf8'),
      /\b(ExpertRemove|TerminalClose|OrderSend\w*|OrderDelete|PositionClose\w*|PositionModify|CTrade|Sleep)\b/,
      source,
    );
});

test('the client uses nothing that MQL5 lacks', () => {
  for (const source of sources) {
    const code = readFileSync(new URL(source, files), 'utf8').replace(/\/\/.*|"(\\.|[^"\\])*"/g, '');
    assert.doesNotMatch(
      code,
      /\b(std|auto|nullptr|template|try|catch|throw|goto|using|namespace|constexpr|unsigned|size_t)\b|->|\[\]\s*\(/,
      source,
    );
    assert.doesNotMatch(code, /\b(int|long|ulong|uint|uchar|char|bool|string)\s*\*/, source); // pointers to plain types
  }
});

test('the example expert advisor', async (context) => {
  const output = execFileSync(example, { encoding: 'utf8' });
  for (const { name, wrong } of output.trim().split('\n').map(JSON.parse)) await context.test(name, () => assert.equal(wrong, ''));
});
