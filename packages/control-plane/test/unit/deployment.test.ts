import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSettings } from '../../src/config.js';
import type { Manifest } from '../support/objects.js';
import { readManifests } from '../support/permissions.js';

const OBJECTS = readManifests().find(({ file }) => file === 'control-plane.yaml')!.objects;
const only = (kind: string) => OBJECTS.find((object) => object.kind === kind)!;

interface Container {
  readonly args: readonly string[];
  readonly ports: readonly { readonly containerPort: number }[];
  readonly readinessProbe: { readonly httpGet: { readonly path: string; readonly port: number } };
  readonly volumeMounts: readonly { readonly mountPath: string }[];
}

const POD = ((only('Deployment').spec as Manifest).template as Manifest).spec as {
  readonly serviceAccountName: string;
  readonly containers: readonly Container[];
};
const CONTAINER = POD.containers[0]!;
const CONFIG = '/etc/isthmus/config/config.yaml';

function settingsInIt() {
  const read = readSettings(CONFIG, (only('ConfigMap').data as Record<string, string>)['config.yaml']!);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.settings;
}

describe('deploy/kubernetes/control-plane.yaml', () => {
  it('has settings that can be served with, of a pod that reads its own cluster and writes the roots', () => {
    const { sources, tokens } = settingsInIt();

    expect(sources).toMatchObject([{ kubernetes: { inCluster: true, tokenReview: true, rootConfigMaps: true } }]);
    expect(tokens.keyFile).toBeUndefined();
    expect(POD.serviceAccountName).toBe('isthmus-control-plane');
  });

  it('mounts what the settings name', () => {
    const { ca } = settingsInIt();
    const mounts = CONTAINER.volumeMounts.map(({ mountPath }) => mountPath);

    expect(CONTAINER.args).toEqual(['serve', '--config', CONFIG]);
    expect(mounts.filter((path) => CONFIG.startsWith(`${path}/`) || path === ca.directory)).toEqual(mounts);
  });

  it('listens where the Service and the probes look for it, under a name of its certificate', () => {
    const { listen, readiness, serverNames } = settingsInIt();
    const [port] = (only('Service').spec as { ports: readonly { targetPort: number }[] }).ports;
    const { name, namespace } = only('Service').metadata as { name: string; namespace: string };

    expect(CONTAINER.ports.map(({ containerPort }) => containerPort)).toEqual([listen.port, readiness.port]);
    expect(port?.targetPort).toBe(listen.port);
    expect(CONTAINER.readinessProbe.httpGet).toEqual({ path: '/healthz/ready', port: readiness.port });
    expect([listen.host, readiness.host]).toEqual(['0.0.0.0', '0.0.0.0']);
    expect(serverNames).toContain(`${name}.${namespace}.svc`);
  });

  it('is built from what is built, and run as its pod says', () => {
    const file = new URL('../../../../deploy/docker/control-plane.Dockerfile', import.meta.url);
    const text = readFileSync(file, 'utf8');

    expect(text).toMatch(/^USER 1337:1337$/m);
    expect(JSON.parse(/^CMD (.+)$/m.exec(text)![1]!)).toEqual(CONTAINER.args);
  });
});
