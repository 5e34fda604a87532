import type { ByteStream } from '../../ports/streams.ts';

/** Opens a connection to a port of the pod. What goes wrong is thrown in words for the client. */
export type Dial = (port: number, signal: AbortSignal) => Promise<ByteStream>;

export function portNumber(text: string | undefined): number | undefined {
  const port = /^[0-9]{1,5}$/.test(text ?? '') ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}
