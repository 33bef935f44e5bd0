import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROLE_NAMES, type RoleName, readSettings, SETTINGS } from '@isthmus/proxy';
import { PORT } from '@isthmus/sdk/wire';
import { describe, expect, it } from 'vitest';
import { type Container, deployText, manifestFiles, type PodSpec, unitSettings } from './manifests.js';

const FIELDS: Record<string, string> = {
  'metadata.name': 'a-pod',
  'metadata.namespace': 'a-namespace',
  'spec.serviceAccountName': 'an-account',
  'spec.nodeName': 'a-node',
  'status.podIP': '192.0.2.7',
};
const KNOWN = new Set(Object.values(SETTINGS).flatMap(({ env }) => [...env]));
const PAGES = [SETTINGS.metricsAddress, SETTINGS.readinessAddress].map((row) => row.default.port);
const LISTENED: readonly number[] = [PORT.hbone, PORT.plaintextInbound, PORT.outbound, ...PAGES];
const READINESS = { path: '/healthz/ready', port: SETTINGS.readinessAddress.default.port };

interface Deployed {
  readonly title: string;
  readonly pod: PodSpec;
  readonly proxy: Container;
}

const deployed: readonly Deployed[] = manifestFiles().flatMap(({ file, objects }) =>
  objects.flatMap(({ kind, metadata, spec }) => {
    const pod = spec?.template?.spec;
    const proxy = [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])].find(({ image }) =>
      image.startsWith('isthmus-proxy:'),
    );
    return pod && proxy ? [{ title: `${file}, ${kind} ${metadata.name}`, pod, proxy }] : [];
  }),
);

function environmentOf({ env = [] }: Container): Record<string, string | undefined> {
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => [name, value ?? FIELDS[valueFrom?.fieldRef.fieldPath ?? '']]),
  );
}

describe('the Kubernetes manifests', () => {
  it('are there for each role', () => {
    const roles = deployed.map(({ proxy }) => proxy.args?.[0]);

    expect([...roles].sort()).toEqual([...ROLE_NAMES].sort());
  });

  it.each(deployed)('$title: gives settings the proxy knows and can start with', ({ proxy }) => {
    const env = environmentOf(proxy);

    const result = readSettings(proxy.args?.[0] as RoleName, env);

    expect(Object.keys(env).filter((name) => !KNOWN.has(name))).toEqual([]);
    expect(Object.values(env)).not.toContain(undefined);
    expect(result).toMatchObject({ ok: true });
  });

  it.each(deployed)('$title: names ports the proxy listens on, and asks its readiness', ({ proxy }) => {
    const ports = (proxy.ports ?? []).map(({ containerPort }) => containerPort);

    expect(ports.filter((port) => !LISTENED.includes(port))).toEqual([]);
    expect(ports).toContain(PORT.hbone);
    expect(proxy.readinessProbe?.httpGet).toEqual(READINESS);
    expect(proxy.startupProbe?.httpGet).toEqual(READINESS);
  });

  it.each(deployed)('$title: drains within the grace period of the pod', ({ pod, proxy }) => {
    const { TERMINATION_GRACE_PERIOD_SECONDS: told } = environmentOf(proxy);

    expect(Number(told)).toBe(pod.terminationGracePeriodSeconds);
  });

  it.each(deployed)('$title: may do nothing but use sockets, and finds its token and roots', ({ pod, proxy }) => {
    expect(proxy.securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: 1337,
      runAsGroup: 1337,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    });
    const mounts = proxy.volumeMounts ?? [];
    expect(mounts.map(({ mountPath }) => mountPath)).toEqual(['/var/run/secrets/tokens', '/var/run/secrets/istio']);
    expect(pod.volumes.map(({ name }) => name)).toEqual(mounts.map(({ name }) => name));
  });

  it.each(manifestFiles())('$file: services and gateways lead to ports of the pods they select', ({ objects }) => {
    const labels = objects.map(({ spec }) => spec?.template?.metadata.labels).find((each) => each !== undefined);
    const open = objects
      .flatMap(({ spec }) => [
        ...(spec?.template?.spec.initContainers ?? []),
        ...(spec?.template?.spec.containers ?? []),
      ])
      .flatMap(({ ports = [] }) => ports.map(({ containerPort }) => containerPort));

    for (const { kind, spec } of objects) {
      if (kind === 'Service') {
        expect(labels).toMatchObject(spec?.selector ?? {});
        for (const { targetPort } of spec?.ports ?? []) expect(open).toContain(targetPort);
      }
      for (const { port } of spec?.listeners ?? []) expect(port).toBe(PORT.hbone);
    }
  });
});

describe('the image', () => {
  it('names ports the proxy listens on and a role it has', () => {
    const text = deployText('docker/Dockerfile');

    const exposed = [...(/^EXPOSE (.+)$/m.exec(text)?.[1]?.split(' ') ?? [])].map(Number);
    expect(exposed.filter((port) => !LISTENED.includes(port))).toEqual([]);
    expect(ROLE_NAMES).toContain(/^CMD \["(.+)"\]$/m.exec(text)?.[1]);
    expect(text).toMatch(/^USER 1337:1337$/m);
  });
});

const UNITS = [
  'isthmus-proxy@.service',
  'isthmus-ztunnel-outbound.socket',
  'isthmus-ztunnel-inbound.socket',
  'transparent.conf',
] as const;

describe('the systemd units', () => {
  it('give settings the proxy knows and can start with', () => {
    const credentials = mkdtempSync(join(tmpdir(), 'isthmus-credentials-'));
    try {
      for (const [name, value] of unitSettings('systemd/isthmus-proxy@.service')) {
        if (name === 'LoadCredential') writeFileSync(join(credentials, value.split(':', 1)[0] ?? ''), 'anything');
      }
      const pairs = UNITS.flatMap((unit) => unitSettings(`systemd/${unit}`))
        .filter(([name]) => name === 'Environment')
        .flatMap(([, value]) => value.replaceAll('%d', credentials).split(' '))
        .map((each) => each.split('=') as [string, string]);

      const result = readSettings('ztunnel', Object.fromEntries(pairs));

      expect(pairs.map(([name]) => name).filter((name) => !KNOWN.has(name))).toEqual([]);
      expect(result).toMatchObject({ ok: true });
    } finally {
      rmSync(credentials, { recursive: true, force: true });
    }
  });

  it('leave the proxy the time to cut what is left by itself', () => {
    const settings = new Map(unitSettings('systemd/isthmus-proxy@.service'));
    const deadline = /CONNECTION_TERMINATION_DEADLINE=(\d+)s/.exec(settings.get('Environment') ?? '')?.[1];

    expect(Number(settings.get('TimeoutStopSec'))).toBe(Number(deadline) + 5);
    expect(settings.get('KillMode')).toBe('mixed');
  });

  it.each([
    ['outbound', 'outbound', PORT.outbound],
    ['inbound', 'inbound-plaintext', PORT.plaintextInbound],
  ])('hand over a transparent socket for %s by the name the proxy knows', (unit, name, port) => {
    const settings = new Map(unitSettings(`systemd/isthmus-ztunnel-${unit}.socket`));

    expect(settings.get('FileDescriptorName')).toBe(name);
    expect(settings.get('ListenStream')).toMatch(new RegExp(`:${port}$`));
    expect(settings.get('Transparent')).toBe('yes');
  });

  it.skipIf(spawnSync('systemd-analyze', ['--version']).status !== 0)(
    'are what systemd takes, and leave little exposed (needs systemd-analyze)',
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'isthmus-units-'));
      try {
        mkdirSync(join(folder, 'isthmus-proxy@ztunnel.service.d'));
        for (const unit of UNITS) {
          // The program is not installed where this runs, and verify wants to find it.
          const text = deployText(`systemd/${unit}`).replace('/usr/local/bin/isthmus-proxy', process.execPath);
          const path = unit === 'transparent.conf' ? `isthmus-proxy@ztunnel.service.d/${unit}` : unit;
          writeFileSync(join(folder, path.replace('@.', '@ztunnel.')), text);
        }
        const service = join(folder, 'isthmus-proxy@ztunnel.service');

        const verified = spawnSync('systemd-analyze', ['verify', '--man=no', service], { encoding: 'utf8' });
        const security = spawnSync('systemd-analyze', ['security', '--offline=yes', service], { encoding: 'utf8' });

        const complaints = verified.stderr.split('\n').filter((line) => line.includes('isthmus'));
        expect(complaints).toEqual([]);
        expect(Number(/exposure level .*: ([\d.]+)/.exec(security.stdout)?.[1])).toBeLessThan(2);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
