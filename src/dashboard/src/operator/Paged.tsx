import type { ReactNode } from 'react';
import type { usePages } from '../api';
import { texts } from '../texts';
import { Button, Empty, ProblemBox, Skeleton } from '../ui/kit';

export type Pages<T> = ReturnType<typeof usePages<T>>;

/** A paged list: its problem, what it shows if it is empty, and the button that loads more rows. */
export function Paged<T>({
  list,
  rows = 2,
  empty,
  children,
}: {
  list: Pages<T>;
  /** Of the skeleton. */
  rows?: number;
  /** Without it, the page doesn't show an empty list. */
  empty?: string;
  children: (rows: T[]) => ReactNode;
}) {
  return (
    <>
      {list.problem && <ProblemBox problem={list.problem} again={list.problem.status === 400 ? undefined : list.reload} />}
      {list.first === undefined && !list.problem && <Skeleton rows={rows} />}
      {list.first !== undefined && list.rows.length === 0 && empty && <Empty>{empty}</Empty>}
      {list.rows.length > 0 && children(list.rows)}
      <More of={list} />
    </>
  );
}

/** The button that loads the next page, if there is one. */
export function More({ of }: { of: { more?: () => void; loading: boolean } }) {
  return (
    of.more && (
      <div className="actions">
        <Button onPress={of.more} isPending={of.loading}>
          {texts.more}
        </Button>
      </div>
    )
  );
}
