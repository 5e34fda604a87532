/** Bounds of what is read from a manifest, whoever wrote it. */
export const MANIFEST_LIMITS = {
  /** Bytes of UTF-8: what the Kubernetes API takes in one request. */
  textBytes: 3 * 1024 * 1024,
  /** Documents in one file, items of lists included. */
  documents: 1000,
  /** Mappings and lists inside each other. */
  depth: 64,
  /** Values of one file, with aliases expanded: a "billion laughs" ends here. */
  values: 500_000,
  /** Problems that are told of one file. */
  errors: 20,
} as const;
