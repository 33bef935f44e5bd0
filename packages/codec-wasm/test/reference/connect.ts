/** `:authority` by regular expressions, and peers numbered in the order they come, for ever. */
import { type ConnectView, TargetKind } from '../../src/types.js';
import type { Field } from './hpack.js';

const OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const PORT = '(0|[1-9][0-9]{0,4})';
const IPV4 = new RegExp(`^(${OCTET}(?:\\.${OCTET}){3}):${PORT}$`);
const IPV6 = new RegExp(`^\\[([0-9A-Fa-f:.]+)\\]:${PORT}$`);
const NAME = new RegExp(`^((?=.*[A-Za-z_-].*:)[A-Za-z0-9._-]+):${PORT}$`);

const peers = new Map<string, number>();

export function readConnect(fields: readonly Field[]): ConnectView {
  const authority = fields.find(([name]) => name === ':authority')?.[1] ?? '';
  const lines = fields.filter(([name]) => name === 'baggage').map(([, value]) => value);
  return { ...targetOf(authority), peerId: peerOf(lines) };
}

function targetOf(authority: string): Omit<ConnectView, 'peerId'> {
  const forms = [
    [TargetKind.Ipv4, IPV4],
    [TargetKind.Ipv6, IPV6],
    [TargetKind.Name, NAME],
  ] as const;
  for (const [kind, form] of forms) {
    const [, host = '', port = ''] = form.exec(authority) ?? [];
    if (host === '' || Number(port) > 65_535) continue;
    const ipv4 = kind === TargetKind.Ipv4 ? host.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) : 0;
    return { kind, ipv4, port: Number(port), host };
  }
  return { kind: TargetKind.None, ipv4: 0, port: 0, host: '' };
}

function peerOf([line, ...others]: readonly string[]): number {
  if (line === undefined || others.length > 0 || line === '' || line.length > 1024) return -1;
  const known = peers.get(line) ?? peers.size;
  peers.set(line, known);
  return known;
}
