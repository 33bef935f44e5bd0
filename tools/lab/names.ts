/** Names that more than one process of the lab must agree on. */
export const LAB_DIRECTORY_PREFIX = 'isthmus-lab-';
