/** Texts that not every page needs, by the first word of their keys, which names their part. */
const later = new RegExp(
  `^(${[
    '(activityPage|confirm|devices|history|home|invoices|price|problem|usage|waiting|wallet|wasThisYou)\\.',
    'cards\\.(?!short$|unknownBrand$|madeDefault$|makeThisDefault$)',
    'health\\.(?!of$|grade\\.)',
    'license\\.(?!tabs\\.)',
    'renewals\\.(?!grace$|canceledAtProvider$|noAnswer$|obstacles\\.|ownObstacles\\.)',
    'signIn\\.(?!title$)',
    'suspension\\.(?!cause\\.)',
  ].join('|')})`,
);

/** The part of a catalog that has this text: "first" is loaded with each page, the others with the pages that name them. */
export const partOf = (key) => (later.test(key) ? key.split('.')[0] : 'first');
