/** All cases, in the order of the table in docs/performance.md. */
import type { Case } from '../case.js';
import { baggageDecodeCases } from './baggage-decode.js';
import { connectDecodeCases } from './connect-decode.js';
import { encodeCases } from './encode.js';
import { framesScanCases } from './frames-scan.js';
import { hpackDecodeCases } from './hpack-decode.js';

const [encodeBaggage, encodeConnect] = encodeCases as [Case, Case];

export const cases: readonly Case[] = [
  ...baggageDecodeCases,
  encodeBaggage,
  ...hpackDecodeCases,
  encodeConnect,
  ...connectDecodeCases,
  ...framesScanCases,
];
