/** Where captured connections come in. */
import { PORT } from '@isthmus/sdk/wire';
import type { HandedOverName } from './handed-over.js';

export interface DoorPlace {
  readonly hosts: readonly string[];
  readonly port: number;
}

/** Every address, and every address nobody else can reach: whoever reaches a dedicated proxy's 15001 speaks as its workload. */
const ANYWHERE = ['0.0.0.0', '::'];
const LOOPBACK = ['127.0.0.1', '::1'];

export function doorsOf(mode: 'shared' | 'dedicated'): Readonly<Record<HandedOverName, DoorPlace>> {
  return {
    outbound: { hosts: mode === 'dedicated' ? LOOPBACK : ANYWHERE, port: PORT.outbound },
    'inbound-plaintext': { hosts: ANYWHERE, port: PORT.plaintextInbound },
  };
}
