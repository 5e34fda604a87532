/** Entry of the thread that owns the socket of beats. The build bundles it by itself; it loads as little as it can. */
import process from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../../../protocol/errors.ts';
import type { FromBeatWorker, ToBeatWorker } from './messages.ts';
import { createBeatSocket } from './socket.ts';
import type { BeatSocketOptions } from './socket.ts';

const port = parentPort;
invariant(port, 'the beat worker runs in a thread of kithd');
const tell = (message: FromBeatWorker): void => port.postMessage(message);
const socket = createBeatSocket(
  { now: () => Number(process.hrtime.bigint()) / 1e6, emit: (events) => tell({ type: 'events', events }) },
  workerData as BeatSocketOptions,
);

port.on('message', (message: ToBeatWorker) => {
  switch (message.type) {
    case 'peers':
      socket.setPeers(message.peers);
      break;
    case 'state':
      socket.setState(message.state);
      break;
    case 'probe':
      socket.probe(message.peer);
      break;
    case 'stop':
      void socket.stop().then(() => {
        tell({ type: 'stopped' });
        port.close();
      });
      break;
  }
});

socket.start().then(
  (bound) => tell({ type: 'started', port: bound }),
  (error: NodeJS.ErrnoException) => tell({ type: 'failed', code: error.code ?? 'EIO', message: error.message }),
);
