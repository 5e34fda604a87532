import type { ByteStream } from './streams.ts';

/** HTTP as the API sees it, without sockets: adapters turn a server's requests into these. */
export type HttpHandler = (request: HttpRequest) => Promise<HttpResponse>;

export interface HttpRequest {
  /** Upper case. */
  method: string;
  /** Undecoded, starts with `/`. */
  path: string;
  query: URLSearchParams;
  /** By lower-case name. */
  headers: Readonly<Record<string, string | undefined>>;
  connection: HttpConnection;
  /**
   * The whole body, read when asked for.
   * @throws KithError `BodyTooLarge`
   */
  body(limitBytes: number): Promise<Uint8Array>;
  /** Fires when the client goes away or the server stops. */
  signal: AbortSignal;
}

/** What the connection itself proves about its other end. */
export interface HttpConnection {
  /** `socket`: the unix socket, whose file only root (or the daemon's own user) may open. */
  credential:
    | { type: 'socket' }
    /** A certificate that the cluster CA signed and that is in its time. */
    | { type: 'certificate'; user: string; groups: readonly string[]; fingerprint: string }
    | { type: 'none' };
  /** `ADDRESS:PORT`, empty on a unix socket. */
  remoteAddress: string;
  /** Keying material of the TLS session (RFC 5705); absent without TLS. */
  exporter?: (label: string, lengthBytes: number) => Uint8Array;
}

export interface HttpResponse {
  status: number;
  headers: Record<string, string | string[]>;
  /** A stream is sent chunk by chunk as the client reads it. If it throws, the connection is cut, so that nobody takes the part for the whole. */
  body: string | Uint8Array | AsyncIterable<string | Uint8Array>;
  /** With status 101, to a request that asked for an upgrade: what becomes of the connection. When it is done, or throws, the connection is closed. */
  upgraded?: (stream: ByteStream) => Promise<void>;
}
