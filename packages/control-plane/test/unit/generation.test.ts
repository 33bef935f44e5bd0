import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../src/schema/index.js';
import { assembleGeneration, objectsOf, parseFile } from '../../src/sources/index.js';

const options = { clusterDomain: 'cluster.local' };

function assemble(...texts: readonly string[]) {
  return assembleGeneration(
    texts.map((text, index) => parseFile(`${index}.yaml`, text)),
    options,
  );
}

const service = '{apiVersion: v1, kind: Service, metadata: {name: reviews, namespace: shop}, spec: {}}';
const entry = (host: string, name = 'entry') =>
  `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: ${name}, namespace: shop}, spec: {hosts: [${host}]}}`;

describe('assembling a generation', () => {
  it('refuses a duplicate object and names both places', () => {
    const assembled = assemble(service, `# comment\n${service}`);

    expect(assembled.ok).toBe(false);
    expect(!assembled.ok && assembled.problems.map(formatProblem)).toEqual([
      '1.yaml:2:1 metadata.name: Service shop/reviews is defined already at 0.yaml:1:1; remove one of them',
    ]);
  });

  it.each([
    ['another ServiceEntry', entry('api.example', 'other')],
    ['a Service', entry('reviews.shop.svc.cluster.local', 'other')],
  ])('refuses a ServiceEntry whose host is taken by %s', (_, text) => {
    const assembled = assemble(service, entry('api.example'), text);

    expect(!assembled.ok && assembled.problems.map(formatProblem)).toEqual([
      expect.stringMatching(
        /^2\.yaml:1:1 spec\.hosts\[0\]: host \S+ in namespace shop is defined already at [01]\.yaml:1:1/,
      ),
    ]);
  });

  it('lets the same name stand in another namespace and for another kind', () => {
    const assembled = assemble(
      service,
      service.replace('namespace: shop', 'namespace: other'),
      service.replace('Service', 'Pod'),
    );

    expect(assembled.ok).toBe(true);
  });

  it('is refused as a whole when one file is bad, and keeps warnings apart from errors', () => {
    const bad = assemble(service, 'a: [');
    const good = assemble(service, '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}');

    expect(bad.ok).toBe(false);
    expect(good.ok && good.generation.problems.map(({ severity }) => severity)).toEqual(['warning']);
    expect(good.ok && objectsOf(good.generation.objects, 'Service')).toHaveLength(1);
  });
});
