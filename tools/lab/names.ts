/** Names that more than one process of the lab must agree on. */

/** Of everything a lab makes outside itself: its directory, its network namespaces. */
export const LAB_PREFIX = 'isthmus-lab-';
