/**
 * The setting `remoteServiceVips`: blocks out of which services get addresses that have none on a network, one of a family.
 * A block that is too small to share or that reaches into other people's addresses by its size is refused.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { describeValue, INVALID, type Path, type Report, type Schema } from './schema/index.js';

export interface VipBlock {
  readonly family: 'ipv4' | 'ipv6';
  readonly ip: string;
  readonly length: number;
}

/** Istio's, too, for the addresses that it gives ServiceEntries. */
export const DEFAULT_VIP_BLOCKS: readonly string[] = ['240.240.0.0/16', '2001:2::/48'];

/** Not so small that services meet often, nor so big that it is somebody else's. */
const LENGTHS = { ipv4: { min: 8, max: 29 }, ipv6: { min: 16, max: 125 } } as const;
const EXPECTED =
  'expected none, or an IPv4 block from /8 to /29, an IPv6 block from /16 to /125, or a list of one of each, such as [240.240.0.0/16, "2001:2::/48"]';

export const vipBlocks: Schema<readonly string[]> = {
  type: 'list of CIDR block | none',
  read(value, path, report) {
    if (value === 'none') return [];
    const texts = Array.isArray(value) ? value : [value];
    return checkBlocks(texts, path, report) ? texts : INVALID;
  },
};

function checkBlocks(texts: readonly unknown[], path: Path, report: Report): texts is readonly string[] {
  const blocks = texts.map((text) => (typeof text === 'string' ? parseVipBlock(text) : undefined));
  const wrong = blocks.indexOf(undefined);
  if (wrong >= 0) report(path, `${EXPECTED}; found ${describeValue(texts[wrong])}`);
  const isPair = new Set(blocks.map((block) => block?.family)).size === blocks.length;
  if (wrong < 0 && !isPair) report(path, `has two blocks of one family; ${EXPECTED}`);
  return wrong < 0 && isPair;
}

/** Undefined for what is no block, or one of no use. */
export function parseVipBlock(text: string): VipBlock | undefined {
  const [ip = '', prefix = '', ...more] = text.split('/');
  const family = isIPv4(ip) ? 'ipv4' : isIPv6(ip) && !ip.includes('%') ? 'ipv6' : undefined;
  const length = Number(prefix);
  if (!family || more.length > 0 || prefix !== String(length)) return undefined;
  const { min, max } = LENGTHS[family];
  return length >= min && length <= max ? { family, ip, length } : undefined;
}
