import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { format } from '../format';
import { t } from '../language';
import './chart.css';

export type Series = { name: string; values: (number | null)[]; color: 'main' | 'good' | 'poor'; dash?: boolean };

const steps = Array.from({ length: 12 }, (_, n) => [1, 2, 5].map((step) => step * 10 ** n)).flat();

/** Lines over time. Screen readers can't read it, so its user also shows the numbers in a table or a label. */
export default function Chart({
  label,
  times,
  series,
  low,
  max,
  dates,
}: {
  label: string;
  times: number[];
  series: Series[];
  low?: boolean;
  max?: number;
  /** Each time is a UTC day. */
  dates?: boolean;
}) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current!;
    let plot: uPlot | undefined;
    const draw = () => {
      plot?.destroy();
      const style = getComputedStyle(element);
      const paint = (name: string) => {
        // A canvas does not support light-dark(), so an element resolves the color.
        element.style.color = `var(--${name})`;
        return getComputedStyle(element).color;
      };
      const ink = paint('soft'),
        line = paint('line');
      const colors = series.map((one) => paint(one.color));
      element.style.color = '';
      const marks = dates ? 'dates' : times.at(-1)! - times[0]! > 2 * 86_400 ? 'days' : 'hours';
      const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: `12px ${style.fontFamily}` };
      plot = new uPlot(
        {
          width: element.clientWidth,
          // The legend has two lines on a phone.
          height: element.clientHeight - (low ? 0 : element.clientWidth < 400 ? 52 : 28),
          // Without live values, which the legend shows as "--" while there is no cursor. Each mark is a piece of its line.
          legend: { show: !low, live: false, markers: { width: 1, dash: (_, n) => (series[n - 1]?.dash ? 'dashed' : 'solid') } },
          cursor: { y: false },
          ...(dates && { tzDate: (time: number) => uPlot.tzDate(new Date(time * 1000), 'Etc/UTC') }),
          scales: { y: { range: (_, __, top) => [0, max ?? Math.max(1, top * 1.1)] } },
          axes: [
            { ...axis, space: 70, values: (_, ticks) => ticks.map((tick) => format.tick(tick, marks)) },
            // Whole numbers: there is no half of a signal.
            { ...axis, size: 44, incrs: steps, values: (_, ticks) => ticks.map(format.short) },
          ],
          series: [
            {
              label: t('time'),
              value: (_, time) => (time === null ? t('none') : (dates ? format.date : format.moment)(new Date(time * 1000).toISOString())),
            },
            ...series.map((one, n) => ({
              label: one.name,
              stroke: colors[n],
              width: 2,
              dash: one.dash ? [6, 4] : undefined,
              points: { show: one.values.filter((value) => value !== null).length < 3 },
            })),
          ],
        },
        [times, ...series.map((one) => one.values)],
        element,
      );
    };
    draw();
    const resized = new ResizeObserver(
      () => plot && element.clientWidth !== plot.width && plot.setSize({ width: element.clientWidth, height: plot.height }),
    );
    resized.observe(element);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', draw);
    return () => {
      resized.disconnect();
      dark.removeEventListener('change', draw);
      plot?.destroy();
    };
  }, [times, series, low, max, dates]);
  return <div ref={box} className={low ? 'chart low' : 'chart'} role="img" aria-label={label} />;
}
