/** The pages of docs/reference, printed from the tables they document. */
import { FAULTS, type FaultRow } from '@isthmus/sdk/wire';
import { FIELDS_WITHOUT_EFFECT, WITHOUT_EFFECT } from '../../../src/config/environment.js';
import { markdownOf } from '../../../src/config/print.js';
import type { SettingRow } from '../../../src/config/table.js';
import { SETTINGS } from '../../../src/config.js';
import { HISTOGRAM_BOUNDS, METRICS, type MetricRow } from '../../../src/telemetry/catalog.js';
import { GATEWAY_LABELS, HTTP_LABELS, LOCALITY_LABELS, TCP_LABELS } from '../../../src/telemetry/label-sets.js';
import { ZTUNNEL } from '../../support/ztunnel-variables.js';

/** Families of variables, which no single row stands for. */
const FAMILIES: readonly (readonly [string, string])[] = [
  ['XDS_HEADER_*, CA_HEADER_*', 'Headers of every call to the discovery and the certificate service.'],
  [
    'ISTIO_META_*, ISTIO_METAJSON_*',
    'Metadata of the xDS node. JSON that cannot be parsed stops the start, where ztunnel passes it over.',
  ],
  ['KUBERNETES_SERVICE_HOST', 'With it the control plane is istiod of istio-system, unless it is named.'],
];

const GENERATED = '<!-- Printed from the tables in the code by packages/proxy/test/unit/reference; change those. -->';

export function settingsPage(): string {
  return `${GENERATED}
# Settings of isthmus-proxy

All settings are environment variables. A value that cannot be used stops the start (exit code 2) with every problem at
once; variables that are not listed are ignored; an empty value counts as unset. \`isthmus-proxy config\` prints what is in
effect.

${markdownOf(SETTINGS)}
`;
}

export function metricsPage(): string {
  const sets = new Map<readonly string[], string>([
    [TCP_LABELS, '[TCP](#labels)'],
    [HTTP_LABELS, '[HTTP](#labels)'],
    [GATEWAY_LABELS, '[gateway](#labels)'],
  ]);
  const labelsOf = (row: MetricRow) => sets.get(row.labels) ?? row.labels.map((label) => `\`${label}\``).join(', ');
  const rows = Object.values<MetricRow>(METRICS).map(
    (row) => `| \`${row.name}\` | ${row.kind} | ${labelsOf(row)} | ${row.help} |`,
  );
  const list = (labels: readonly string[]) => labels.map((label) => `\`${label}\``).join(', ');
  return `${GENERATED}
# Metrics of isthmus-proxy

Served on \`METRICS_ADDRESS\` under \`/metrics\` and \`/stats/prometheus\`. What the numbers mean, and who reports what:
[telemetry](../telemetry.md). Metrics of the process (\`process_*\`, \`nodejs_*\`) come besides.

| name | kind | labels | help |
|---|---|---|---|
${rows.join('\n')}

## Labels

TCP: ${list(TCP_LABELS)}; and, when either end has a locality, ${list(LOCALITY_LABELS)}.

HTTP: ${list(HTTP_LABELS)}.

Gateway: ${list(GATEWAY_LABELS)}.

What is not known reads \`unknown\`.

## Buckets

${HISTOGRAM_BOUNDS.join(', ')}, +Inf; for milliseconds and bytes alike.
`;
}

export function faultsPage(): string {
  const rows = Object.entries<FaultRow>(FAULTS).map(
    ([code, { status, flag, httpFlag, origin, hint }]) =>
      `| \`${code}\` | ${status} | \`${flag}\` | \`${httpFlag}\` | ${origin} | ${hint} |`,
  );
  return `${GENERATED}
# Faults

Everything that can go wrong with a connection. An access log line of a failed connection has the code as \`fault\`, what
happened as \`error\`, and what to look at next as \`hint\`.

| code | CONNECT status | \`response_flags\`, TCP | \`response_flags\`, HTTP | who acts | what to look at next |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

export function ztunnelEnvironmentPage(): string {
  const settings = Object.values<SettingRow<unknown>>(SETTINGS);
  const rowOf = (name: string) => settings.find(({ env }) => (env as readonly string[]).includes(name));
  const names = [...Object.keys(ZTUNNEL), 'LOCAL_XDS_PATH']
    .filter((name) => rowOf(name) || name in WITHOUT_EFFECT)
    .sort();
  const rows = names.map((name) => {
    const row = rowOf(name);
    return row ? `| \`${name}\` | setting | ${firstSentence(row.doc)} |` : ignored(name, WITHOUT_EFFECT[name] ?? '');
  });
  return `${GENERATED}
# The environment of Istio's ztunnel

Every variable that ztunnel or its chart knows, and what becomes of it here. *setting*: it has its effect, details in
[settings](settings.md). *without effect*: it starts the proxy all the same, and one line of the log says why it does nothing. A value
that cannot be used stops the start with the reason, also where ztunnel would go on with a default: \`TLS12_ENABLED=yes\`, an unknown
\`COMPLIANCE_POLICY\`, \`COMPLIANCE_POLICY=pqc\` where OpenSSL has no such group.

| variable | here | |
|---|---|---|
${rows.join('\n')}
${FAMILIES.map(([name, what]) => `| \`${name}\` | read | ${what} |`).join('\n')}

Of \`PROXY_CONFIG\`, \`discoveryAddress\` and \`proxyMetadata\` count, as in ztunnel. The file \`etc/istio/config/mesh\` is not read.

| field of \`PROXY_CONFIG\` | here | |
|---|---|---|
${Object.entries(FIELDS_WITHOUT_EFFECT)
  .map(([name, reason]) => ignored(name, reason))
  .join('\n')}
`;
}

function ignored(name: string, reason: string): string {
  return `| \`${name}\` | without effect | ${reason} |`;
}

function firstSentence(doc: string): string {
  return /^.*?[.](?= |$)/.exec(doc)?.[0] ?? doc;
}
