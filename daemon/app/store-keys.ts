/** What the daemon itself keeps in the store, beside the replica. */
export const STORE_KEYS = {
  complete: 'peer/complete',
  /** Id of a cluster that this daemon began to found and has not finished founding. */
  founding: 'peer/founding',
  /** This host was removed from the cluster that the folder is of. */
  removed: 'peer/removed',
  resourceVersion: 'peer/resource-version',
} as const;
