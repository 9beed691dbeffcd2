import { parse, TYPE } from '@formatjs/icu-messageformat-parser';
import type { Plugin } from 'vite';
import { partOf } from './texts.parts.mjs';

/**
 * Compiles the messages of src/texts when the pages are built, so that no page loads the parser. A catalog is long, so it is loaded in
 * parts, such as ?first and ?wallet.
 * @param only The keys that are needed at all; all without it. With it, ?first has all of them.
 */
export const texts = (only?: RegExp): Plugin => ({
  name: 'texts',
  enforce: 'pre',
  config: () => ({
    resolve: {
      alias: [{ find: /^@formatjs\/icu-messageformat-parser$/, replacement: '@formatjs/icu-messageformat-parser/no-parser.js' }],
    },
  }),
  transform(code, id) {
    const part = /\/src\/texts\/[\w-]+\.json\?(\w+)$/.exec(id)?.[1];
    if (!part) return;
    const isWanted = (key: string) => (only ? part === 'first' && only.test(key) : partOf(key) === part);
    const messages = Object.entries(JSON.parse(code) as Record<string, string>).filter(([key]) => isWanted(key));
    const catalog = Object.fromEntries(messages.map(([key, text]) => [key, compile(text)]));
    return { code: `export default ${JSON.stringify(catalog)}`, moduleType: 'js', map: null };
  },
});

/** A message without placeholders stays a string. */
function compile(text: string) {
  const parts = parse(text);
  return parts.every((part) => part.type === TYPE.literal) ? parts.map((part) => part.value).join('') : parts;
}
