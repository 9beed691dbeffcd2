/** With thousands separators, as format.number in English: these pages have no other language. */
export const grouped = (n: number) => n.toLocaleString('en-US');
export const plural = (n: number, one: string, many: string) => `${grouped(n)} ${n === 1 ? one : many}`;
