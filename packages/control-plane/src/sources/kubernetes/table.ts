/**
 * The objects of one resource by namespace and name, as a reflector reads them, for those who need them as they came. A
 * new list takes the place of the old when it is whole. Bound: the reflector's.
 */
import type { ReflectorSink } from './reflector.js';

export interface Table {
  readonly objects: ReadonlyMap<string, unknown>;
  readonly sink: ReflectorSink;
}

export interface TableInit {
  /** All there are were read, for the first time or anew. */
  readonly onListed: () => void;
  readonly onChange: () => void;
  readonly onState: ReflectorSink['onState'];
}

export function createTable({ onListed, onChange, onState }: TableInit): Table {
  let objects = new Map<string, unknown>();
  return {
    get objects() {
      return objects;
    },
    sink: {
      onState,
      relist() {
        const next = new Map<string, unknown>();
        return {
          add(values) {
            for (const value of values) next.set(nameOfObject(value), value);
          },
          finish() {
            objects = next;
            onListed();
          },
        };
      },
      change(type, object) {
        if (type === 'DELETED') objects.delete(nameOfObject(object));
        else objects.set(nameOfObject(object), object);
        onChange();
      },
    },
  };
}

/** `istio-system/west`; of what is in no namespace, `/shop`. */
export function nameOfObject(object: unknown): string {
  const { metadata } = (object ?? {}) as {
    readonly metadata?: { readonly name?: unknown; readonly namespace?: unknown } | null;
  };
  return `${String(metadata?.namespace ?? '')}/${String(metadata?.name ?? '')}`;
}
