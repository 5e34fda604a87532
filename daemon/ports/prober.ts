import type { KernelAnswer } from '../../protocol/liveness.ts';

/** Asks a silent peer's kernel what became of its daemon: connects to the peer port and closes at once, saying nothing. */
export interface Prober {
  /**
   * The best answer of the addresses (multiaddrs of TCP; others are skipped) within `timeoutMs`: accepted before refused before silent. Never rejects.
   */
  connect(peerAddresses: readonly string[], timeoutMs: number): Promise<KernelAnswer>;
}
