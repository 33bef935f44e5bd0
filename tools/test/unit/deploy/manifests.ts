/** The files of deploy/, read as their readers would. */
import { readdirSync, readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';

const DEPLOY = new URL('../../../../deploy/', import.meta.url);

export interface Container {
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: FieldRef }[];
  readonly ports?: readonly { readonly containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}
interface FieldRef {
  readonly fieldRef: { readonly fieldPath: string };
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: number };
}
export interface PodSpec {
  readonly serviceAccountName: string;
  readonly terminationGracePeriodSeconds: number;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string }[];
}
export interface KubeObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: {
    readonly template?: { readonly metadata: { readonly labels: Record<string, string> }; readonly spec: PodSpec };
    readonly selector?: Record<string, unknown>;
    readonly ports?: readonly { readonly port: number; readonly targetPort: number }[];
    readonly listeners?: readonly { readonly port: number }[];
  };
}

export function manifestFiles(): readonly { readonly file: string; readonly objects: readonly KubeObject[] }[] {
  const folder = new URL('kubernetes/', DEPLOY);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => {
      const documents = parseAllDocuments(readFileSync(new URL(file, folder), 'utf8'), { uniqueKeys: true });
      const errors = documents.flatMap((document) => document.errors);
      if (errors.length > 0) throw new Error(`${file}: ${errors.join('\n')}`);
      return { file, objects: documents.map((document) => document.toJS() as KubeObject) };
    });
}

export function deployText(path: string): string {
  return readFileSync(new URL(path, DEPLOY), 'utf8');
}

/** `Name=value` lines of a unit, in order. */
export function unitSettings(path: string): readonly (readonly [name: string, value: string])[] {
  return deployText(path)
    .split('\n')
    .flatMap((line) => {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    });
}
