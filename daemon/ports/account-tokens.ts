/** Signs tokens for the pods of this node. They count while the pod is bound here and its account lives; nothing is written down for them. */
export interface AccountTokens {
  /** PEM: whom the API is known by. */
  readonly caCertificate: string;
  issue(request: PodTokenRequest): PodToken;
}

export interface PodTokenRequest {
  namespace: string;
  pod: { name: string; uid: string };
  account: { name: string; uid: string };
  /** Empty: the API. */
  audiences: readonly string[];
  lifetimeMs: number;
}

export interface PodToken {
  token: string;
  /** ms since 1970. */
  expiresAt: number;
}
