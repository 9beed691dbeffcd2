import { parse, TYPE } from '@formatjs/icu-messageformat-parser';
import type { Plugin } from 'vite';

/**
 * Compiles the messages of src/texts when the pages are built, so that no page loads the parser.
 * @param only The keys to keep; all without it.
 */
export const texts = (only = /./): Plugin => ({
  name: 'texts',
  enforce: 'pre',
  config: () => ({
    resolve: {
      alias: [{ find: /^@formatjs\/icu-messageformat-parser$/, replacement: '@formatjs/icu-messageformat-parser/no-parser.js' }],
    },
  }),
  transform(code, id) {
    if (!/\/src\/texts\/[\w-]+\.json$/.test(id)) return;
    const messages = Object.entries(JSON.parse(code) as Record<string, string>).filter(([key]) => only.test(key));
    return { code: JSON.stringify(Object.fromEntries(messages.map(([key, text]) => [key, compile(text)]))), map: null };
  },
});

/** A message without placeholders stays a string. */
function compile(text: string) {
  const parts = parse(text);
  return parts.every((part) => part.type === TYPE.literal) ? parts.map((part) => part.value).join('') : parts;
}
