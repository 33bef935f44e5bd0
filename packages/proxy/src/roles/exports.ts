/** Which services an east-west gateway lets other networks reach, of those that it is told of. */
import type { GatewayRequest } from '@isthmus/sdk/routing';
import type { Settings } from '../config.js';

/**
 * The settings with what they leave open: without a word on exports everything is exported that the control plane tells
 * of, if that is exported services only, and nothing if it is more. Fails closed: a service that is local to its cluster must not
 * answer other networks because somebody forgot a variable.
 */
export function withExports(settings: Settings, tellsExportsOnly: boolean): Settings {
  return settings.exportedServices || tellsExportsOnly ? settings : { ...settings, exportedServices: [] };
}

/** Undefined: all. */
export function exportsOf({ exportedServices: patterns }: Settings): GatewayRequest['exports'] {
  return (
    patterns &&
    (({ namespace, hostname }) =>
      patterns.some((each) => (each.namespace ?? namespace) === namespace && (each.hostname ?? hostname) === hostname))
  );
}
