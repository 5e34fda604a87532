import { expect, it } from 'vitest';
import { MAX_LINE_BYTES as ENGINES_LINE } from '../../daemon/adapters/docker/logs.ts';
import { MAX_LINE_BYTES as FILES_LINE } from '../../daemon/adapters/process/log-files.ts';
import { LogRelay } from '../../daemon/peer/log-relay.ts';
import { MAX_FRAME_BYTES } from '../../daemon/peer/relay-frames.ts';
import type { ContainerRuntime, LogChunk } from '../../daemon/ports/runtime.ts';
import type { PeerStream, Transport } from '../../daemon/ports/transport.ts';
import { memoryStream } from '../support/memory-stream.ts';

/** Two peers: what one opens the other serves. */
function relays(lines: readonly string[]): LogRelay {
  const runtime = {
    async *logs(): AsyncIterable<LogChunk> {
      for (const line of lines) yield { at: 1, stream: 'stdout', line: new TextEncoder().encode(line) };
    },
  } as unknown as ContainerRuntime;
  let serve: (from: string, header: Uint8Array, stream: PeerStream, signal: AbortSignal) => Promise<void>;
  const transport = {
    self: 'here',
    serveStream: (_protocol: string, handler: typeof serve) => (serve = handler),
    openStream: async (_peer: string, _protocol: string, header: Uint8Array, { signal }: { signal: AbortSignal }) => {
      const { opener, server } = memoryStream(setImmediate, setImmediate);
      void serve('here', header, server, signal);
      return opener;
    },
  } as unknown as Transport;
  const relay = new LogRelay({ transport, runtime, peerOfNode: () => 'there' });
  relay.start();
  return relay;
}

it('gives lines of another node as long as those of this one', async () => {
  const lines = ['short', 'x'.repeat(Math.max(ENGINES_LINE, FILES_LINE) + 64 * 1024), 'last'];
  const request = { node: 'n', podUid: 'u', container: 'main', previous: false, follow: false };
  const got: string[] = [];
  for await (const { line } of relays(lines).open(request, new AbortController().signal)) got.push(new TextDecoder().decode(line));
  expect(got.map(({ length }) => length)).toEqual(lines.map(({ length }) => length));
  expect(MAX_FRAME_BYTES).toBeGreaterThan(lines[1]!.length);
});
