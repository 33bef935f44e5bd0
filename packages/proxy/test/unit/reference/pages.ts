/** The pages of docs/reference, printed from the tables they document. */
import { FAULTS, type FaultRow } from '@isthmus/sdk/wire';
import { markdownOf } from '../../../src/config/print.js';
import { SETTINGS } from '../../../src/config.js';
import { HISTOGRAM_BOUNDS, METRICS, type MetricRow } from '../../../src/telemetry/catalog.js';
import { GATEWAY_LABELS, HTTP_LABELS, LOCALITY_LABELS, TCP_LABELS } from '../../../src/telemetry/label-sets.js';

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
