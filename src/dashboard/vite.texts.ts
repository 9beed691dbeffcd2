import { parse, TYPE } from '@formatjs/icu-messageformat-parser';
import type { Plugin } from 'vite';

/** Keys of the texts that no first view needs: neither the customers' home page nor the list of alerts. */
const later = new RegExp(
  `^(${[
    '(activityPage|confirm|devices|history|invoices|price|usage|waiting|wallet|wasThisYou)\\.',
    'cards\\.(?!short$|unknownBrand$|madeDefault$|makeThisDefault$)',
    'health\\.(?!of$|grade\\.)',
    'license\\.(?!tabs\\.)',
    'renewals\\.(?!grace$|canceledAtProvider$|noAnswer$|obstacles\\.|ownObstacles\\.)',
    'suspension\\.(?!cause\\.)',
  ].join('|')})`,
);

/**
 * Compiles the messages of src/texts when the pages are built, so that no page loads the parser. Each language has two parts, because its
 * catalog is long: ?first has the texts of first views, ?later the others.
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
    const part = /\/src\/texts\/[\w-]+\.json\?(first|later)$/.exec(id)?.[1];
    if (!part) return;
    const isLater = (key: string) => !only && later.test(key);
    const messages = Object.entries(JSON.parse(code) as Record<string, string>).filter(
      ([key]) => (only ?? /./).test(key) && isLater(key) === (part === 'later'),
    );
    const catalog = Object.fromEntries(messages.map(([key, text]) => [key, compile(text)]));
    return { code: `export default ${JSON.stringify(catalog)}`, moduleType: 'js', map: null };
  },
});

/** A message without placeholders stays a string. */
function compile(text: string) {
  const parts = parse(text);
  return parts.every((part) => part.type === TYPE.literal) ? parts.map((part) => part.value).join('') : parts;
}
