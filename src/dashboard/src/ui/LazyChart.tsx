import { lazy, Suspense, type ComponentProps } from 'react';

const Chart = lazy(() => import('./Chart'));

/** Loads the chart and its library on first use. Until then, an empty box of the same size is shown. */
export const LazyChart = (props: ComponentProps<typeof Chart>) => (
  <Suspense fallback={<div className={props.low ? 'chart low' : 'chart'} aria-busy="true" />}>
    <Chart {...props} />
  </Suspense>
);
