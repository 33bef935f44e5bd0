import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePrometheusText } from '../../../lab/prometheus-text.js';

describe('Prometheus text', () => {
  it('gives name, labels and value of each sample and skips comments', () => {
    const text = '# HELP a_total Something.\n# TYPE a_total counter\na_total{x="1",y="two"} 3\n\nb 4.5\n';

    const samples = parsePrometheusText(text);

    expect(samples).toEqual([
      { metric: 'a_total', labels: { x: '1', y: 'two' }, value: 3 },
      { metric: 'b', labels: {}, value: 4.5 },
    ]);
  });

  it('undoes the three escapes of label values', () => {
    const text = String.raw`m{quote="a\"b",backslash="c\\d",newline="e\nf"} 1`;

    const [sample] = parsePrometheusText(text);

    expect(sample?.labels).toEqual({ quote: 'a"b', backslash: 'c\\d', newline: 'e\nf' });
  });

  it.each([
    ['+Inf', Number.POSITIVE_INFINITY],
    ['-Inf', Number.NEGATIVE_INFINITY],
    ['NaN', Number.NaN],
    ['1e3', 1000],
  ])('reads the value %s', (text, value) => {
    const [sample] = parsePrometheusText(`m ${text}`);

    expect(sample?.value).toBe(value);
  });

  it('allows braces and commas inside a value, a trailing comma, and drops timestamps', () => {
    const [sample] = parsePrometheusText('m{a="}{,=",b="x",} 7 1700000000000');

    expect(sample).toEqual({ metric: 'm', labels: { a: '}{,=', b: 'x' }, value: 7 });
  });

  it.each([
    ['m{a="x} 1', 'does not end'],
    ['m{a=x} 1', 'no label name'],
    ['m{a="1",a="2"} 1', 'twice'],
    ['m{a="\\q"} 1', 'unknown escape'],
    ['m{a="1"b="2"} 1', 'no comma'],
    ['m{a="1"}', 'is not a value'],
    ['m one', 'is not a value'],
    ['{a="1"} 1', 'no metric name'],
  ])('refuses %s with the line number', (line, reason) => {
    const parse = () => parsePrometheusText(`ok 1\n${line}`);

    expect(parse).toThrow(reason);
    expect(parse).toThrow('line 2');
  });

  it('reads back any label value that was escaped as the format says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (value) => {
        const escaped = value.replace(/[\\"\n]/g, (each) => (each === '\n' ? '\\n' : `\\${each}`));

        const [sample] = parsePrometheusText(`m{l="${escaped}"} 1`);

        expect(sample?.labels.l).toBe(value);
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});
