/** Version of this program. `package.json` says the same; a test compares them. */
export const KITH_VERSION = '0.1.0';

/** The Kubernetes API level that clients are told, in upstream's form. */
export const KUBERNETES_VERSION = `v1.35.0+kith.${KITH_VERSION}`;

/** Version of the messages between peers: a peer refuses what it does not know. */
export const WIRE_VERSION = 1;
