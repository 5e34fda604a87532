/** Who this peer is: its peer id and the key behind it. Facts that a peer says of itself are signed with it. */
export interface Identity {
  /** Peer id, text. It carries the public key. */
  readonly peer: string;
  /** Ed25519, 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
}

/** Whether `peer` signed exactly these bytes. False, never an error, for ids and signatures that are none. */
export type VerifySignature = (peer: string, bytes: Uint8Array, signature: Uint8Array) => boolean;
