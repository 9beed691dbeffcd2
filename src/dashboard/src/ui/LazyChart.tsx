import { lazy, Suspense, type ComponentProps } from 'react';

const Chart = lazy(() => import('./Chart'));

/** The chart and its library, fetched when one is shown; its place is kept meanwhile. */
export const LazyChart = (props: ComponentProps<typeof Chart>) => (
  <Suspense fallback={<div className={props.low ? 'chart low' : 'chart'} aria-busy="true" />}>
    <Chart {...props} />
  </Suspense>
);
