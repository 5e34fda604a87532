import type { ByteStream } from './streams.ts';

/** Asks an HTTP server over a connection that is there already, one request a connection. */
export interface HttpClient {
  /**
   * Resolves with the head of the answer.
   * @throws KithError `NoAnswer` when the connection breaks, or what comes over it is no HTTP
   */
  send(connection: ByteStream, request: OutgoingRequest, signal: AbortSignal): Promise<IncomingAnswer>;
}

export interface OutgoingRequest {
  method: string;
  /** As it goes on the first line, with its query. */
  target: string;
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
  /** Over TLS, whoever signed the other side's certificate. */
  tls: boolean;
}

export interface IncomingAnswer {
  status: number;
  /** By lower-case name. */
  headers: Record<string, string | string[]>;
  /** One reader, at whose pace it comes. Throws when the other side breaks off. */
  body: AsyncIterable<Uint8Array>;
  /** With status 101: the connection, which is no longer HTTP. */
  upgraded?: ByteStream;
}
