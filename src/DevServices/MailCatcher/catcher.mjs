// An SMTP server for tests and the demo that stores every mail in a file:
//   node catcher.mjs --dir DIR [--port 0] [--user NAME --password PASSWORD] [--http PORT]
// The recipient selects the behavior: refused@… is rejected permanently (550), busy@… temporarily (450), content@… after the
// text (554), 550-5.1.1-…@… with that code and enhanced code; for lost@… the mail is stored and the connection is closed before
// the answer; all others are accepted.
import { createServer } from 'node:http';
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

const { values: options } = parseArgs({
  options: {
    dir: { type: 'string' },
    port: { type: 'string', default: '0' },
    http: { type: 'string' },
    user: { type: 'string' },
    password: { type: 'string' },
  },
});
mkdirSync(options.dir, { recursive: true });
let count = readdirSync(options.dir).length;

function refusal(code, message) {
  return Object.assign(new Error(message), { responseCode: code });
}

function keep(bytes) {
  const name = join(options.dir, `${String(++count).padStart(6, '0')}.eml`);
  writeFileSync(`${name}.part`, bytes);
  renameSync(`${name}.part`, name);
}

const smtp = new SMTPServer({
  authOptional: !options.user,
  disabledCommands: ['STARTTLS'],
  allowInsecureAuth: true,
  onAuth({ username, password }, session, done) {
    const known = username === options.user && password === options.password;
    done(known ? null : refusal(535, 'Authentication credentials invalid'), { user: username });
  },
  onRcptTo({ address }, session, done) {
    const [, code, enhanced] = /^([45]\d\d)-([45]\.\d+\.\d+)-/.exec(address) ?? [];
    if (code) done(refusal(Number(code), `${enhanced} Refused`));
    else if (address.startsWith('refused@')) done(refusal(550, 'No such mailbox'));
    else if (address.startsWith('busy@')) done(refusal(450, 'Mailbox busy'));
    else done();
  },
  onData(stream, session, done) {
    const parts = [];
    const to = session.envelope.rcptTo.map(({ address }) => address);
    stream.on('data', (part) => parts.push(part));
    stream.on('end', () => {
      if (to.some((address) => address.startsWith('content@'))) return done(refusal(554, 'Content refused'));
      keep(Buffer.concat(parts));
      if (to.some((address) => address.startsWith('lost@'))) [...smtp.connections].find(({ id }) => id === session.id)._socket.destroy();
      else done();
    });
  },
});
smtp.on('error', (error) => console.error(error.message));
const listening = smtp.listen(Number(options.port), '127.0.0.1', () =>
  console.log(`smtp listening on 127.0.0.1:${listening.address().port}`),
);

function escape(text) {
  return String(text ?? '').replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]);
}

async function page(path) {
  const names = readdirSync(options.dir)
    .filter((name) => name.endsWith('.eml'))
    .sort()
    .reverse();
  const wanted = decodeURIComponent(path.slice(1));
  if (names.includes(wanted)) return (await simpleParser(readFileSync(join(options.dir, wanted)))).html || 'No HTML in this mail';
  const rows = await Promise.all(
    names.slice(0, 200).map(async (name) => {
      const mail = await simpleParser(readFileSync(join(options.dir, name)));
      return `<tr><td>${escape(mail.date?.toISOString())}<td>${escape(mail.to?.text)}<td><a href="/${name}">${escape(mail.subject)}</a>`;
    }),
  );
  const head = '<!doctype html><meta charset="utf-8"><title>Sent mails</title><h1>Sent mails</h1>';
  return `${head}<table cellpadding="4"><tr><th>at<th>to<th>subject${rows.join('')}</table>`;
}

if (options.http) {
  createServer(async (request, response) => {
    try {
      const html = await page(request.url);
      response.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      });
      response.end(html);
    } catch (error) {
      response.writeHead(500).end(error.message);
    }
  }).listen(Number(options.http), '127.0.0.1', () => console.log(`mails shown on http://127.0.0.1:${options.http}`));
}

process.on('SIGTERM', () => process.exit(0));
