import type { Fields } from '../../../protocol/wire/fields.ts';
import { decodeMessage, encodeMessage, expectKind } from '../../../protocol/wire/message.ts';
import type { WireMessage } from '../../../protocol/wire/message.ts';
import type { RequestProtocol, Transport } from '../../ports/transport.ts';
import { KithError } from '../../../protocol/errors.ts';

/** How long one answer may take, ms: some hundred documents are merged and fsynced meanwhile on a slow disk. */
const REQUEST_TIMEOUT_MS = 10_000;

export type LinkTransport = Pick<Transport, 'self' | 'request'>;

/** Speaks the wire about desired state in the name of this peer, and counts what it refused. */
export class PeerLink {
  private readonly transport: LinkTransport;
  private readonly cluster: string;
  private readonly counts = new Map<string, number>();

  constructor(deps: { transport: LinkTransport }, options: { clusterId: string }) {
    this.transport = deps.transport;
    this.cluster = options.clusterId;
  }

  encode(kind: string, body: Fields): Uint8Array {
    return encodeMessage({ cluster: this.cluster, from: this.transport.self, kind, body });
  }

  /** @throws what `decodeMessage` throws; counted */
  decode(payload: Uint8Array, maxBytes?: number): WireMessage {
    return this.counting(() => decodeMessage(payload, this.cluster, maxBytes));
  }

  /** Counts the failure by its code, if it throws. */
  counting<Result>(read: () => Result): Result {
    try {
      return read();
    } catch (error) {
      this.count(error instanceof KithError ? String(error.code) : 'Failed');
      throw error;
    }
  }

  /** @throws KithError of the transport, or that the answer is none */
  async ask(
    peer: string,
    protocol: RequestProtocol,
    question: { kind: string; body: Fields; answer: string },
    signal?: AbortSignal,
  ): Promise<Fields> {
    const options = { timeoutMs: REQUEST_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
    const raw = await this.transport.request(peer, protocol, this.encode(question.kind, question.body), options);
    return this.counting(() => expectKind(this.decode(raw), question.answer));
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  /** By name: error codes of what was refused, and what its users count. */
  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.counts);
  }
}
