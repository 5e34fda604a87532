/** Asks a program over the network how it does: for probes, and for what is called after the start and before the end. */
export interface HealthChecker {
  /** Never rejects but when the signal fires. */
  check(request: HealthRequest, signal: AbortSignal): Promise<ProbeAnswer>;
}

export type HealthRequest = { host: string; port: number; timeoutMs: number } & (
  | {
      do: 'httpGet';
      path: string;
      /** Certificates are not looked at, as kubelet does not. */
      scheme: 'HTTP' | 'HTTPS';
      headers: readonly { name: string; value: string }[];
    }
  | { do: 'tcpSocket' }
  /** `grpc.health.v1.Health/Check`. */
  | { do: 'grpc'; service: string }
);

export interface ProbeAnswer {
  /** `unknown`: it could not be asked; it counts neither way. */
  result: 'success' | 'warning' | 'failure' | 'unknown';
  /** What it said, or why it failed, in kubelet's words. At most 10 KiB. */
  output: string;
}
