export { byType, type Check, list, mapOf, object, strictObject } from './containers.js';
export {
  formatPath,
  formatPosition,
  formatProblem,
  hasErrors,
  type Path,
  type Position,
  type Problem,
  type Report,
  type Severity,
} from './problem.js';
export {
  boolean,
  dnsName,
  duration,
  hostName,
  hostPort,
  identifier,
  integer,
  ip,
  oneOf,
  parseDuration,
  port,
  string,
} from './scalars.js';
export {
  describeValue,
  type Field,
  type Fields,
  INVALID,
  type Infer,
  type Invalid,
  maybe,
  type ObjectOf,
  optional,
  required,
  type Schema,
} from './schema.js';
export { shared } from './shared.js';
export { readYaml, type YamlDocument, type YamlFile } from './yaml.js';
