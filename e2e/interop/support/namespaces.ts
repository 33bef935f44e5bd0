/** Two network namespaces with a cable between them, and the addresses of both sides on it. */
import { createNamespaces, type Namespaces } from '@isthmus/tools/lab';
import { OURS, PREFIX_LENGTH, REAL_IP, type Side } from './world.js';

export interface TwoNamespaces {
  nameOf(side: Side): string;
  /** A file of /etc as programs started there from now on see it. */
  overlay(side: Side, file: string, text: string): void;
  /** Idempotent; whatever is inside has to be ended before. */
  remove(): void;
}

export function createTwoNamespaces(): TwoNamespaces {
  const names: Readonly<Record<Side, string>> = {
    real: `isthmus-${process.pid}-real`,
    ours: `isthmus-${process.pid}-ours`,
  };
  const namespaces = createNamespaces(Object.values(names));
  try {
    // Made inside the namespaces from the start, so that not even for a moment it is among the machine's own interfaces.
    namespaces.configure(names.real, [`link add mesh0 type veth peer name mesh0 netns ${names.ours}`]);
    plug(namespaces, names.real, [REAL_IP]);
    plug(namespaces, names.ours, Object.values(OURS));
  } catch (error) {
    namespaces.remove();
    throw error;
  }
  return {
    nameOf: (side) => names[side],
    overlay: (side, file, text) => namespaces.overlay(names[side], file, text),
    remove: namespaces.remove,
  };
}

function plug(namespaces: Namespaces, name: string, addresses: readonly string[]): void {
  namespaces.configure(name, [
    ...addresses.map((address) => `address add ${address}/${PREFIX_LENGTH} dev mesh0`),
    'link set mesh0 up',
  ]);
}
