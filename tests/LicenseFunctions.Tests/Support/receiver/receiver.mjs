// A receiver of webhooks that keeps the number of the last event of each license in a file. It may be killed at any time: an event is in
// the file before it is accepted. Arguments: PORT (0 for a free one), SECRET, FILE.
import { appendFileSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

const [port, secret, file] = process.argv.slice(2);
const webhook = new Webhook(secret);
const last = new Map();
if (existsSync(file)) {
  const text = readFileSync(file, 'utf8');
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n').filter(Boolean)) {
    const [license, sequence] = line.split(' ');
    last.set(license, Number(sequence));
  }
}
const fd = openSync(file, 'a');

function status(headers, body) {
  let data;
  try {
    ({ data } = webhook.verify(body, headers));
  } catch (failure) {
    appendFileSync(`${file}.faults`, `${failure.message}\n`);
    return 401;
  }
  const known = last.get(data.subscription_id) ?? 0;
  if (data.sequence <= known) return 200; // a repeat
  if (data.sequence !== known + 1) {
    appendFileSync(`${file}.faults`, `${data.subscription_id}: ${data.sequence} after ${known}\n`);
    return 500;
  }
  writeSync(fd, `${data.subscription_id} ${data.sequence}\n`);
  last.set(data.subscription_id, data.sequence);
  return 204;
}

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => response.writeHead(status(request.headers, Buffer.concat(parts).toString('utf8'))).end());
});
server.listen(Number(port), '127.0.0.1', () => console.log(server.address().port));
