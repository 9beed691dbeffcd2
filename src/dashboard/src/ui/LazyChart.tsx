import { lazy, Suspense, useEffect, useRef, useState, type ComponentProps } from 'react';
import { flushSync } from 'react-dom';

const Chart = lazy(() => import('./Chart'));

/**
 * Loads the chart and its library when it comes into view. Until then, an empty box of the same size is shown. On paper, all charts of a
 * page are shown if one of them was in view.
 */
export function LazyChart(props: ComponentProps<typeof Chart>) {
  const box = useRef<HTMLDivElement>(null);
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    const watcher = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && setNear(true), { rootMargin: '100px' });
    watcher.observe(box.current!);
    // The browser prints what the page has after this event.
    const print = () => flushSync(() => setNear(true));
    addEventListener('beforeprint', print);
    return () => {
      watcher.disconnect();
      removeEventListener('beforeprint', print);
    };
  }, []);
  const look = props.low ? 'chart low' : 'chart';
  if (!isNear) return <div ref={box} className={look} />;
  return (
    <Suspense fallback={<div className={look} aria-busy="true" />}>
      <Chart {...props} />
    </Suspense>
  );
}
