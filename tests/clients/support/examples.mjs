// The examples of the clients' page, src/Clients/README.md
import { readFileSync } from 'node:fs';

const page = readFileSync(new URL('../../../src/Clients/README.md', import.meta.url), 'utf8');
const found = [...page.matchAll(/^( *)```(\w+)\n(.*?)^ *```/gms)].map(([, indent, language, text]) => ({
  language,
  text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
}));

/** Their languages, in order. Each is run by a test; a new one needs its own. */
export const languages = found.map(({ language }) => language);

export const example = (language) => found.find((one) => one.language === language).text;
