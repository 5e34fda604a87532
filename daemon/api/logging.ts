import { KithError } from '../../protocol/errors.ts';
import type { FieldError } from '../../protocol/kinds/kind.ts';
import type { ContainerStatus, Pod } from '../../protocol/types.ts';
import { parseTime } from '../../protocol/values/time.ts';
import { reportedStatuses } from '../core/reconcile/reported.ts';
import { sleep } from '../ports/clock.ts';
import type { HttpResponse } from '../ports/http.ts';
import type { LogChunk } from '../ports/runtime.ts';
import { chooseContainer, nodeOf } from './containers.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { booleanParameter, integerParameter } from './parameters.ts';
import { existing } from './reading.ts';
import { ApiError, invalid, type StatusReason } from './status.ts';

/** An answer begins after so long even if nothing was logged yet; a failure that comes sooner is a Status. */
const FIRST_LINE_MS = 500;

interface LogOptions {
  container: string;
  previous: boolean;
  follow: boolean;
  timestamps: boolean;
  tailLines?: number;
  sinceMs?: number;
  limitBytes?: number;
}

/** GET `pods/NAME/log`: text, line by line as it comes. */
export async function readLog(call: ObjectCall, deps: ApiDeps): Promise<HttpResponse> {
  const pod = existing(call, deps) as Pod;
  const options = readLogOptions(call, pod, deps);
  const node = nodeOf(pod);
  checkContainerStatus(pod, options);
  const stop = new AbortController();
  const { container, previous, follow, tailLines, sinceMs } = options;
  const request = { node, podUid: pod.metadata.uid, container, previous, follow, tailLines, sinceMs };
  try {
    const chunks = deps.logs.open(request, AbortSignal.any([call.request.signal, stop.signal]))[Symbol.asyncIterator]();
    const first = chunks.next();
    // Taken up by whoever reads the text; nobody may.
    first.catch(() => undefined);
    await Promise.race([first, sleep(deps.clock, FIRST_LINE_MS, call.request.signal)]);
    return { status: 200, headers: { 'content-type': 'text/plain' }, body: logText(first, chunks, options, stop) };
  } catch (error) {
    throw logFailure(error, call.name, node);
  }
}

function readLogOptions(call: ObjectCall, pod: Pod, deps: ApiDeps): LogOptions {
  const { query } = call.request;
  const errors: FieldError[] = [];
  const atLeast = (name: string, minimum: number): number | undefined => {
    const value = integerParameter(query, name);
    if (value !== undefined && value < minimum) {
      const message = `Invalid value: ${value}: must be greater than ${minimum === 0 ? 'or equal to 0' : '0'}`;
      errors.push({ field: name, reason: 'FieldValueInvalid', message });
    }
    return value;
  };
  const tailLines = atLeast('tailLines', 0);
  const limitBytes = atLeast('limitBytes', 1);
  const sinceSeconds = atLeast('sinceSeconds', 1);
  const sinceTime = query.get('sinceTime') ?? '';
  if (sinceTime !== '' && sinceSeconds !== undefined) {
    const message = 'Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified';
    errors.push({ field: 'sinceSeconds', reason: 'FieldValueForbidden', message });
  }
  const since = sinceTime === '' ? undefined : parseTime(sinceTime);
  if (sinceTime !== '' && since === undefined) throw new ApiError('BadRequest', `sinceTime must be an RFC 3339 time, not "${sinceTime}"`);
  if (errors.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, call.name, errors);
  return {
    container: chooseContainer(pod, query.get('container') ?? ''),
    previous: booleanParameter(query, 'previous'),
    follow: booleanParameter(query, 'follow'),
    timestamps: booleanParameter(query, 'timestamps'),
    tailLines,
    limitBytes,
    sinceMs: sinceSeconds === undefined ? since : deps.clock.now() - sinceSeconds * 1000,
  };
}

/** Upstream's words: pkg/kubelet/kubelet_pods.go, validateContainerLogStatus. */
function checkContainerStatus(pod: Pod, options: LogOptions): void {
  const { container, previous } = options;
  const status: ContainerStatus | undefined = reportedStatuses(pod.status).find(({ name }) => name === container);
  const where = `container "${container}" in pod "${pod.metadata.name}"`;
  if (status === undefined) throw new ApiError('BadRequest', `${where} is waiting to start - no logs yet`);
  if (previous) {
    if (status.lastState?.terminated === undefined) throw new ApiError('BadRequest', `previous terminated ${where} not found`);
    return;
  }
  const { waiting, running, terminated } = status.state ?? {};
  // One that waits for its restart still has the log of its last run.
  if (running !== undefined || terminated !== undefined || status.lastState?.terminated !== undefined) return;
  const reason = waiting?.reason;
  if (reason === 'ErrImagePull') throw new ApiError('BadRequest', `${where} is waiting to start: image can't be pulled`);
  if (reason === 'ImagePullBackOff') throw new ApiError('BadRequest', `${where} is waiting to start: trying and failing to pull image`);
  throw new ApiError('BadRequest', `${where} is waiting to start${reason === undefined ? ' - no logs yet' : `: ${reason}`}`);
}

async function* logText(
  first: Promise<IteratorResult<LogChunk>>,
  chunks: AsyncIterator<LogChunk>,
  options: LogOptions,
  stop: AbortController,
): AsyncGenerator<Uint8Array> {
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  try {
    for (let next = await first; next.done !== true; next = await chunks.next()) {
      const { at, line } = next.value;
      const bytes = Buffer.concat([Buffer.from(options.timestamps ? `${formatNanoTime(at)} ` : ''), line, Buffer.from('\n')]);
      yield bytes.length > left ? bytes.subarray(0, left) : bytes;
      left -= bytes.length;
      if (left <= 0) return;
    }
  } finally {
    stop.abort();
    await chunks.return?.();
  }
}

/** RFC 3339 with nanoseconds, as kubelets print it. */
function formatNanoTime(ms: number): string {
  const whole = Math.floor(ms);
  const belowMs = Math.min(999_999, Math.round((ms - whole) * 1e6));
  return `${new Date(whole).toISOString().slice(0, -1)}${String(belowMs).padStart(6, '0')}Z`;
}

const LOG_FAILURES: Readonly<Record<string, StatusReason>> = {
  NotFound: 'BadRequest',
  PeerUnreachable: 'ServiceUnavailable',
  RequestTimeout: 'GatewayTimeout',
  RuntimeUnavailable: 'ServiceUnavailable',
};

function logFailure(error: unknown, pod: string, node: string): unknown {
  if (error instanceof ApiError || !(error instanceof KithError)) return error;
  const message = `can't read the log of pod ${pod} from its node ${node}: ${error.message}`;
  return new ApiError(LOG_FAILURES[String(error.code)] ?? 'InternalError', message, undefined, { cause: error });
}
