/** docs/limits.md, printed from the tables and constants that set the bounds. */
import { LIMIT_TABLE, SETTINGS } from '@isthmus/proxy';
import { ABUSE_BUDGETS, type Budget, SETTING_ROWS } from '@isthmus/sdk/hbone';
import {
  boundIn,
  CLIENT_CONSTANTS,
  type ConstantRow,
  HBONE_CONSTANTS,
  PLANE_CONSTANTS,
  PROXY_CONSTANTS,
} from './constants.js';

function constants(rows: readonly ConstantRow[]): string {
  const lines = rows.map((row) => `| ${row.what} | ${boundIn(row)} | ${row.hit} | [\`${row.name}\`](../${row.file}) |`);
  return ['| what | bound | at the bound | set in |', '|---|---|---|---|', ...lines].join('\n');
}

function hboneSettings(): string {
  const lines = Object.entries<{ default: number; unit: string; env?: string; doc: string }>(SETTING_ROWS).map(
    ([name, row]) => `| \`${name}\` | ${row.default} ${row.unit} | ${row.env ? `\`${row.env}\`` : ''} | ${row.doc} |`,
  );
  return ['| name | default | variable | what |', '|---|---|---|---|', ...lines].join('\n');
}

function budgets(): string {
  const lines = Object.entries<Budget>(ABUSE_BUDGETS).map(
    ([name, { limit, windowMs, origin }]) =>
      `| \`${name}\` | ${limit}${windowMs === undefined ? '' : ` in ${windowMs / 1_000} s`} | ${origin} |`,
  );
  return ['| budget | bound | what is counted, and why |', '|---|---|---|', ...lines].join('\n');
}

function httpLimits(): string {
  const lines = Object.entries(LIMIT_TABLE).map(([name, row]) => `| \`${name}\` | ${row.value} | ${row.doc} |`);
  return ['| name | bound | at the bound |', '|---|---|---|', ...lines].join('\n');
}

export function limitsPage(): string {
  const { metricsMaxSeries } = SETTINGS;
  return `<!-- Printed from the code by tools/test/unit/limits; change the tables and constants there. -->
# Limits

Every queue, table, size and wait that somebody else could make grow, with its value, where it is set and what happens
when it is reached. A peer that reaches one loses a request, a stream or its connection; never anybody else's.

## HBONE: settings

Both roles, from \`SETTING_ROWS\` in [settings.ts](../packages/sdk/src/hbone/settings.ts). Those with a variable can be set.

${hboneSettings()}

## HBONE: budgets against abuse

Of one connection, from \`ABUSE_BUDGETS\` in [limits.ts](../packages/sdk/src/hbone/limits.ts). Whoever exceeds one gets GOAWAY
ENHANCE_YOUR_CALM and loses that connection.

${budgets()}

## HBONE: other bounds

${constants(HBONE_CONSTANTS)}

Frames, headers and HPACK: the bounds of the [codec](../packages/codec-wasm/README.md#bounds).

## HTTP at the waypoint

From \`LIMIT_TABLE\` in [limits.ts](../packages/proxy/src/http/limits.ts). Names that end in \`Ms\` are milliseconds.

${httpLimits()}

## The proxy besides

${constants(PROXY_CONSTANTS)}

Label sets of one metric: \`${metricsMaxSeries.env[0]}\`, ${metricsMaxSeries.default} unless set; beyond it, what comes is counted in a series whose
labels read \`overflow\`.

## Clients of the control plane

${constants(CLIENT_CONSTANTS)}

What a proxy holds of discovery has no bound of its own: it is what its control plane tells it, and the control plane is trusted.

## The control plane

${constants(PLANE_CONSTANTS)}
`;
}
