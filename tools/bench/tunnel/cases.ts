/**
 * THE table of what is raced and what the project promises of it: scenarios, and the rows each of them gives. Floors and
 * goals are ratios; they change by decision only.
 */
import type { Applications, LoadInit, RelayKind } from './contract.js';

export type Metric =
  /** Bytes or operations per second on the clock. */
  | 'rate'
  /** CPU seconds of the proxies per byte or operation. */
  | 'cpu'
  /** 99th percentile of round trips. */
  | 'p99'
  /** Resident memory of the proxies per connection. */
  | 'rss';

export interface Row {
  readonly id: string;
  readonly metric: Metric;
  /** Ratio of the peer's cost to the subject's; see docs/performance.md. Absent where nothing was promised. */
  readonly floor?: number;
  readonly goal?: number;
}

export interface Scenario {
  readonly name: string;
  readonly subject: RelayKind;
  readonly peer: RelayKind;
  readonly gateway?: true;
  /** What an operation is, or that bytes are counted. */
  readonly unit: 'byte' | 'message' | 'tunnel';
  load(ports: Applications, effort: Effort): LoadInit;
  /** How many times longer it is watched than others: a tail is made of few operations. */
  readonly watchedLonger?: number;
  readonly rows: readonly Row[];
}

/** How much is done in a round. */
export interface Effort {
  readonly rounds: number;
  /** Before the first round. */
  readonly compileMs: number;
  /** Before each. */
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly idleTunnels: number;
}

export const FULL: Effort = { rounds: 7, compileMs: 6_000, warmUpMs: 500, windowMs: 1_500, idleTunnels: 10_000 };
export const SHORT: Effort = { rounds: 5, compileMs: 4_000, warmUpMs: 200, windowMs: 600, idleTunnels: 1_000 };

const BULK_CONNECTIONS = 8;

const upload: Scenario['load'] = ({ sink }) => ({ kind: 'upload', port: sink, connections: BULK_CONNECTIONS });
const download: Scenario['load'] = ({ source }) => ({ kind: 'download', port: source, connections: BULK_CONNECTIONS });
const churn: Scenario['load'] = ({ echo }) => ({ kind: 'churn', port: echo, concurrency: 16 });

function bulk(id: string, load: Scenario['load'], peer: RelayKind, floor: number, goal: number): Scenario {
  const rows: Row[] = [
    { id, metric: 'rate', floor, goal },
    { id: `${id}.cpu`, metric: 'cpu', floor, goal },
  ];
  return { name: id, subject: 'hbone', peer, unit: 'byte', load, rows };
}

export const SCENARIOS: readonly Scenario[] = [
  bulk('tunnel.bulk.up', upload, 'http2-tuned', 1.15, 1.4),
  bulk('tunnel.bulk.down', download, 'http2-tuned', 1.15, 1.4),
  bulk('tunnel.bulk.up.default', upload, 'http2-default', 1.6, 2),
  bulk('tunnel.bulk.down.default', download, 'http2-default', 1.6, 2),
  bulk('tunnel.bulk.limit', upload, 'tls', 0.85, 0.97),
  {
    name: 'tunnel.small64',
    subject: 'hbone',
    peer: 'http2-tuned',
    unit: 'message',
    load: ({ echo }) => ({ kind: 'ping-pong', port: echo, connections: 64, bytes: 64 }),
    rows: [
      { id: 'tunnel.small64', metric: 'cpu', floor: 1.3, goal: 1.8 },
      { id: 'tunnel.small64.rate', metric: 'rate' },
    ],
  },
  {
    name: 'tunnel.latency.p99.64',
    subject: 'hbone',
    peer: 'http2-tuned',
    unit: 'message',
    load: ({ echo }) => ({ kind: 'paced', port: echo, connections: 64, bytes: 64, everyMs: 8 }),
    watchedLonger: 3,
    rows: [{ id: 'tunnel.latency.p99.64', metric: 'p99', floor: 1, goal: 1.5 }],
  },
  {
    name: 'tunnel.new',
    subject: 'hbone',
    peer: 'http2-tuned',
    unit: 'tunnel',
    load: churn,
    rows: [
      { id: 'tunnel.new', metric: 'rate', floor: 1.4, goal: 2 },
      { id: 'tunnel.new.cpu', metric: 'cpu', floor: 1.4, goal: 2 },
    ],
  },
  {
    name: 'tunnel.new.nested',
    subject: 'nested-pooled',
    peer: 'nested-fresh',
    gateway: true,
    unit: 'tunnel',
    load: churn,
    rows: [
      { id: 'tunnel.new.nested', metric: 'rate', floor: 4, goal: 8 },
      { id: 'tunnel.new.nested.cpu', metric: 'cpu', floor: 4, goal: 8 },
    ],
  },
  {
    name: 'tunnel.idle.rss',
    subject: 'hbone',
    peer: 'http2-tuned',
    unit: 'tunnel',
    load: ({ echo }, { idleTunnels }) => ({ kind: 'idle', port: echo, connections: idleTunnels }),
    rows: [{ id: 'tunnel.idle.rss', metric: 'rss', floor: 1, goal: 3 }],
  },
];
