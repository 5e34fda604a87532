/** What a pod, or any controller above it, asks for where a network is split: annotations, and the values that mean something. */
export const PARTITION_ANNOTATION = 'kith.dev/partition';
/** Every side of a split runs it, or only the one where a majority of the members is. */
export const PARTITION_POLICIES = ['any', 'majority'] as const;
export type PartitionPolicy = (typeof PARTITION_POLICIES)[number];

/** Which copy a heal keeps; without it, the one that who saw more than half of the members started, else the original. */
export const RECONCILE_ANNOTATION = 'kith.dev/reconcile';
export const RECONCILE_POLICIES = ['keep-replacement', 'keep-original', 'longest-running'] as const;
export type ReconcilePolicy = (typeof RECONCILE_POLICIES)[number];

const KNOWN: readonly (readonly [annotation: string, values: readonly string[]])[] = [
  [PARTITION_ANNOTATION, PARTITION_POLICIES],
  [RECONCILE_ANNOTATION, RECONCILE_POLICIES],
];

/** @param path of the metadata, as in `spec.template.metadata` */
export function policyWarnings(annotations: Readonly<Record<string, unknown>> | undefined, path: string): string[] {
  return KNOWN.flatMap(([annotation, values]) => {
    const value = annotations?.[annotation];
    if (value === undefined || values.some((known) => known === value)) return [];
    return [`${path}.annotations[${annotation}]: ${JSON.stringify(value)} means nothing and has no effect: one of ${values.join(', ')}`];
  });
}
