/** What each kind of proxy is sent, for people: the resources with the versions they travel under. */
import { VIEWER_ROLES } from '../projection/index.js';
import type { Views } from '../xds/index.js';

export function configDump(views: Views): object {
  const dumps = VIEWER_ROLES.map((role) => {
    const current = views.current(role);
    if (!current) return [role, undefined];
    const { version, view, resources } = current;
    const dump = (values: ReadonlyMap<string, object>, versions: ReadonlyMap<string, { readonly version: string }>) =>
      [...values].map(([name, value]) => ({ version: versions.get(name)?.version, ...plain(value) }));
    const { address, authorization } = resources;
    return [
      role,
      {
        version,
        services: dump(view.services, address),
        workloads: dump(view.workloads, address),
        policies: dump(view.policies, authorization),
      },
    ];
  });
  return Object.fromEntries(dumps);
}

/** Maps are no JSON. */
function plain(value: object): object {
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, inner instanceof Map ? Object.fromEntries(inner) : inner]),
  );
}
