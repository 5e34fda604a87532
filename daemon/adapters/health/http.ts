import http from 'node:http';
import https from 'node:https';
import type { HealthRequest, ProbeAnswer } from '../../ports/health.ts';
import { dialError } from './dial-error.ts';

type HttpRequest = Extract<HealthRequest, { do: 'httpGet' }>;

/** As much of an answer is read. Kubelet's bound. */
const MAX_BODY_BYTES = 10 * 1024;
const MAX_REDIRECTS = 10;
const USER_AGENT = 'kube-probe/1.35';

type Outcome = { answer: ProbeAnswer } | { redirect: URL };

/** Success is a status from 200 to 399; redirects are followed to the same host only. Source: pkg/probe/http. */
export async function checkHttp(request: HttpRequest, signal: AbortSignal): Promise<ProbeAnswer> {
  const { host, port, path, scheme, timeoutMs } = request;
  const first = new URL(`${scheme.toLowerCase()}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`);
  const deadline = AbortSignal.timeout(timeoutMs);
  const either = AbortSignal.any([signal, deadline]);
  let url = first;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const outcome = await askOnce(url, request, either, deadline);
    if ('answer' in outcome) return outcome.answer;
    if (outcome.redirect.hostname !== first.hostname) {
      return { result: 'warning', output: 'Probe terminated redirects, Response body: ' };
    }
    url = outcome.redirect;
  }
  return { result: 'failure', output: `Get "${first.href}": stopped after ${MAX_REDIRECTS} redirects` };
}

async function askOnce(url: URL, request: HttpRequest, signal: AbortSignal, deadline: AbortSignal): Promise<Outcome> {
  const failed = (why: string): Outcome => ({ answer: { result: 'failure', output: `Get "${url.href}": ${why}` } });
  const late = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
  return new Promise((resolve) => {
    const options = { method: 'GET', headers: headersOf(request), agent: false as const, rejectUnauthorized: false, signal };
    const sent = (url.protocol === 'https:' ? https : http).request(url, options, (response) => {
      let body = '';
      const settle = (): void => {
        resolve(outcomeOf(response, body, url));
        response.destroy();
      };
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
        if (body.length >= MAX_BODY_BYTES) settle();
      });
      response.on('end', settle);
      response.on('error', (error: Error) => resolve(failed(deadline.aborted ? late : error.message)));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      resolve(failed(deadline.aborted ? late : dialError(request.host, Number(url.port), error)));
    });
    sent.end();
  });
}

/** What the spec gives wins; a header that is named twice is sent twice. */
function headersOf({ headers }: HttpRequest): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = { 'user-agent': USER_AGENT, accept: '*/*', connection: 'close' };
  const given: Record<string, string[]> = {};
  for (const { name, value } of headers) (given[name.toLowerCase()] ??= []).push(value);
  for (const [name, values] of Object.entries(given)) all[name] = values.length === 1 ? (values[0] ?? '') : values;
  return all;
}

function outcomeOf(response: http.IncomingMessage, body: string, url: URL): Outcome {
  const status = response.statusCode ?? 0;
  const { location } = response.headers;
  if (status >= 300 && status < 400 && location !== undefined && URL.canParse(location, url)) return { redirect: new URL(location, url) };
  const output = body.slice(0, MAX_BODY_BYTES);
  if (status >= 200 && status < 400) return { answer: { result: 'success', output } };
  return { answer: { result: 'failure', output: `HTTP probe failed with statuscode: ${status}` } };
}
