/** The roles this program can play, by the name of their command. */
import type { RoleName } from '../config.js';
import { eastWestGateway } from './east-west-gateway.js';
import type { Role } from './role.js';
import { waypoint } from './waypoint.js';
import { ztunnel } from './ztunnel.js';

export const ROLES: Readonly<Record<RoleName, Role>> = {
  ztunnel,
  waypoint,
  'east-west-gateway': eastWestGateway,
};
