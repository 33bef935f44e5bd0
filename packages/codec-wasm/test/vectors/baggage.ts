/** What producers of baggage write, and what a reader makes of it. */
export interface BaggageVector {
  readonly title: string;
  readonly lines: readonly string[];
  readonly values: Readonly<Record<string, string>>;
  readonly malformed?: true;
}

export const baggage: readonly BaggageVector[] = [
  {
    title: "ztunnel's order",
    lines: [
      'k8s.cluster.name=east,k8s.namespace.name=shop,k8s.deployment.name=reviews-v1,service.name=reviews,service.version=v1,cloud.region=r1,cloud.availability_zone=z1',
    ],
    values: {
      'k8s.cluster.name': 'east',
      'k8s.namespace.name': 'shop',
      'k8s.deployment.name': 'reviews-v1',
      'service.name': 'reviews',
      'service.version': 'v1',
      'cloud.region': 'r1',
      'cloud.availability_zone': 'z1',
    },
  },
  {
    title: "Envoy's order, with app and instance",
    lines: [
      'k8s.pod.name=web-1,service.name=web,app.name=front,service.version=v2,app.version=2,k8s.namespace.name=shop,k8s.cluster.name=west,k8s.instance.name=web-1-abc',
    ],
    values: {
      'k8s.pod.name': 'web-1',
      'service.name': 'web',
      'app.name': 'front',
      'service.version': 'v2',
      'app.version': '2',
      'k8s.namespace.name': 'shop',
      'k8s.cluster.name': 'west',
      'k8s.instance.name': 'web-1-abc',
    },
  },
  {
    title: "agentgateway's five keys, some of them empty",
    lines: ['k8s.cluster.name=,k8s.namespace.name=shop,k8s.deployment.name=web,service.name=,service.version='],
    values: { 'k8s.namespace.name': 'shop', 'k8s.deployment.name': 'web' },
  },
  {
    title: 'several header lines are one list',
    lines: ['k8s.cluster.name=east', 'k8s.namespace.name=shop,service.name=a', 'service.name=b'],
    values: { 'k8s.cluster.name': 'east', 'k8s.namespace.name': 'shop', 'service.name': 'b' },
  },
  {
    title: 'lines that a library joined with ", " keep their first keys',
    lines: ['k8s.cluster.name=east, k8s.namespace.name=shop'],
    values: { 'k8s.cluster.name': 'east', 'k8s.namespace.name': 'shop' },
  },
  {
    title: 'spaces and tabs around members, keys and values are not part of them',
    lines: [' \tk8s.cluster.name \t=\t east \t, service.name=a b'],
    values: { 'k8s.cluster.name': 'east', 'service.name': 'a b' },
  },
  {
    title: 'properties are dropped, also where they hold "=" or stand without a value',
    lines: ['k8s.cluster.name=east;ttl=3;x, service.name = web ; p = 1,app.name;p=1,app.version=;p'],
    values: { 'k8s.cluster.name': 'east', 'service.name': 'web' },
  },
  {
    title: 'a value keeps every "=" behind the first',
    lines: ['service.name=a=b=,service.version==v'],
    values: { 'service.name': 'a=b=', 'service.version': '=v' },
  },
  {
    title: 'percent-encoded values are decoded as UTF-8',
    lines: ['service.name=caf%C3%A9%2C%20%e2%82%ac,app.name=%f0%9f%9a%a2,app.version=%EF%BB%BFv'],
    values: { 'service.name': 'café, €', 'app.name': '🚢', 'app.version': '\ufeffv' },
  },
  {
    title: 'what is encoded is neither trimmed nor split',
    lines: ['service.name=%20a%3Db%3Bc%20'],
    values: { 'service.name': ' a=b;c ' },
  },
  {
    title: 'a broken escape stays as it is written',
    lines: ['service.name=100%,app.name=%4,app.version=%zz%41,service.version=%%34'],
    values: { 'service.name': '100%', 'app.name': '%4', 'app.version': '%zzA', 'service.version': '%4' },
  },
  {
    title: 'bytes that are no UTF-8 become U+FFFD',
    lines: ['service.name=a%FFb'],
    values: { 'service.name': 'a\ufffdb' },
  },
  {
    title: 'keys are compared as they are: case and escapes count',
    lines: ['Service.Name=a,service%2Ename=b'],
    values: {},
  },
  {
    title: 'later duplicates win, and an empty one clears',
    lines: ['service.name=a,app.name=x,service.name=b,app.name= ,app.version=,app.version=z'],
    values: { 'service.name': 'b', 'app.version': 'z' },
  },
  {
    title: 'members without "=", empty members and unknown keys are skipped',
    lines: ['service.name,,=v,k8s.statefulset.name=x,;,k8s..name=y,other.24=z'],
    values: { 'other.24': 'z' },
  },
  { title: 'an empty header has no members', lines: [''], values: {} },
  { title: 'no header has no members', lines: [], values: {} },
  {
    title: 'a byte over ASCII voids the whole header',
    lines: ['service.name=a', 'app.name=é'],
    values: {},
    malformed: true,
  },
  { title: 'a control voids the whole header', lines: ['service.name=a\x01'], values: {}, malformed: true },
  { title: 'DEL voids the whole header', lines: ['service.name=a\x7f'], values: {}, malformed: true },
];
