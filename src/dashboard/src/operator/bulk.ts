/** Largest number of rows in one request. The API accepts 100, but a slow database may not process 100 within a request's time limit. */
const most = 25;

/** A row that was refused, and why. */
export type Refused = { key: string; detail: string | null };

/**
 * Sends any number of rows, in as many requests as they need. If the first request fails, nothing was done, and its failure is thrown. If a
 * later one fails, the rows before it stay done, and all others are refused with its message.
 *
 * @param send Returns the refused rows.
 */
export async function inChunks<T>(rows: T[], key: (row: T) => string, send: (chunk: T[]) => Promise<Refused[]>): Promise<Refused[]> {
  const refused: Refused[] = [];
  for (let from = 0; from < rows.length; from += most) {
    try {
      refused.push(...(await send(rows.slice(from, from + most))));
    } catch (problem) {
      if (from === 0) throw problem;
      return [...refused, ...rows.slice(from).map((row) => ({ key: key(row), detail: (problem as Error).message }))];
    }
  }
  return refused;
}
