/** Bytes in both directions, at the pace of the slower side: a connection, whatever carries it. */
export interface ByteStream {
  /** One reader. Throws when the other side broke off instead of ending in order. */
  readonly source: AsyncIterable<Uint8Array>;
  /** Resolves when the other side can take more. */
  write(chunk: Uint8Array): Promise<void>;
  /** Ends our side in order. */
  end(): Promise<void>;
  abort(reason: Error): void;
}

/** Copies until the source ends, and then ends the target. */
export async function pipe(source: AsyncIterable<Uint8Array>, target: Pick<ByteStream, 'write' | 'end'>): Promise<void> {
  for await (const chunk of source) await target.write(chunk);
  await target.end();
}
