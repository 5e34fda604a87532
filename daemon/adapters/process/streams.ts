import { KithError } from '../../../protocol/errors.ts';
import type { AttachRequest, ConnectRequest, ContainerRuntime, ExecRequest } from '../../ports/runtime.ts';
import type { ByteStream, ProcessStreams } from '../../ports/streams.ts';
import { connectTo } from '../socket/connect.ts';
import { socketStream } from '../socket/socket-stream.ts';
import { attachTo } from './attach.ts';
import type { Attempt, NumberedAttempt } from './attempt.ts';
import { execBeside } from './exec.ts';

interface LocalStreamsDeps extends Pick<ContainerRuntime, 'logs' | 'onHint'> {
  /** Ascending. */
  attempts(podUid: string, container: string): Promise<NumberedAttempt[]>;
  addressOf(podUid: string): Promise<string | undefined>;
}

/** Exec, attach and port-forward of the process runtime. */
export class LocalStreams {
  readonly #deps: LocalStreamsDeps;

  constructor(deps: LocalStreamsDeps) {
    this.#deps = deps;
  }

  async exec(request: ExecRequest, signal: AbortSignal): Promise<ProcessStreams> {
    const attempt = await this.#running(request.podUid, request.container);
    return execBeside(attempt.folder, request, this.#endsWith(attempt, request.podUid, signal));
  }

  async attach(request: AttachRequest, signal: AbortSignal): Promise<ProcessStreams> {
    const { podUid, container } = request;
    const attempt = await this.#running(podUid, container);
    const withConsole = (await attempt.record())?.console === true;
    const log = { podUid, container, attempt: attempt.number, follow: true, tailLines: 0 };
    return attachTo(attempt.folder, withConsole, request, () => this.#deps.logs(log, signal), signal);
  }

  /** At the pod's own address only: 127.0.0.1 is of all pods of the host. */
  async connect({ podUid, port }: ConnectRequest, signal: AbortSignal): Promise<ByteStream> {
    const address = await this.#deps.addressOf(podUid);
    if (address === undefined) throw new KithError('NotFound', `pod ${podUid} does not run on this node`);
    return socketStream(await connectTo([address], port, signal));
  }

  /** The newest attempt, if it runs. */
  async #running(podUid: string, container: string): Promise<NumberedAttempt> {
    const newest = (await this.#deps.attempts(podUid, container)).at(-1);
    if (newest === undefined || (await newest.inspect())?.state !== 'running')
      throw new KithError('NotFound', `container "${container}" of pod ${podUid} does not run on this node`);
    return newest;
  }

  /** Fires with `signal`, or when the attempt has ended: what was run beside it ends with it, as in a container. */
  #endsWith(attempt: Attempt, podUid: string, signal: AbortSignal): AbortSignal {
    const ends = new AbortController();
    const off = this.#deps.onHint((hint) => {
      if (hint.podUid !== undefined && hint.podUid !== podUid) return;
      void attempt.hasEnded().then((hasEnded) => {
        if (hasEnded) end();
      });
    });
    const end = (): void => {
      off();
      signal.removeEventListener('abort', end);
      ends.abort(new Error('the container has ended'));
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    return ends.signal;
  }
}
