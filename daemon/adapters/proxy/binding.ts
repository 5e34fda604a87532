import { TAKEN_HERE } from '../../../protocol/net-answer.ts';
import type { CancelTimer, Clock } from '../../ports/clock.ts';
import { PROXY_LIMITS } from './limits.ts';

/**
 * Tries to have an address until it does. Of several peers on one machine only one can: the others try on, so that one of them takes over as soon as the holder is gone.
 */
export class Binding {
  readonly #deps: { clock: Clock; rebindMs(): number; refusedMs?: number };
  readonly #listen: () => Promise<void>;
  #cancel: CancelTimer = () => undefined;
  #closed = false;
  #trouble: string | undefined = 'it is being opened';

  /** @param deps.refusedMs until an address that can not be had is tried again @param listen resolves once it listens */
  constructor(deps: { clock: Clock; rebindMs(): number; refusedMs?: number }, listen: () => Promise<void>) {
    this.#deps = deps;
    this.#listen = listen;
  }

  get trouble(): string | undefined {
    return this.#trouble;
  }

  open(): void {
    if (this.#closed) return;
    this.#listen().then(
      () => (this.#trouble = undefined),
      (error: unknown) => this.#failed(error as NodeJS.ErrnoException),
    );
  }

  /** What listened does so no more: an address that was taken from its link, for example. */
  lost(error: Error): void {
    this.#failed(error);
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (this.#closed) return;
    const taken = error.code === 'EADDRINUSE';
    this.#trouble = taken ? TAKEN_HERE : explain(error);
    this.#cancel();
    this.#cancel = this.#deps.clock.after(taken ? this.#deps.rebindMs() : (this.#deps.refusedMs ?? PROXY_LIMITS.refusedMs), () =>
      this.open(),
    );
  }
}

function explain({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EACCES')
    return 'ports below 1024 need root here, or "sysctl net.ipv4.ip_unprivileged_port_start=0": give the Service a port from 1024 on';
  if (code === 'EADDRNOTAVAIL') return 'the address is not one of this machine';
  return message;
}
