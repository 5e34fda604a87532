// A guest book: shows what the database at DATABASE has, and adds what is posted. Keeps nothing itself, so that there may be any number of it.
import { createServer } from 'node:http';

const { POD_IP = '0.0.0.0', PORT = '8080', DATABASE = '', PASSWORD = '', TITLE = 'Guests', KITH_POD_NAME = '?' } = process.env;
const MOST_BYTES = 4_096;
const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

async function ask(method, body) {
  const headers = { authorization: `Bearer ${PASSWORD}` };
  const answer = await fetch(DATABASE, { method, headers, body, signal: AbortSignal.timeout(3_000) });
  if (!answer.ok) throw new Error(`the database says ${answer.status}`);
  return answer.json();
}

async function handle(request) {
  if (request.url === '/ready') return [200, `${(await ask('GET')).length} entries\n`];
  if (request.method === 'POST') {
    let form = '';
    for await (const piece of request.setEncoding('utf8')) if ((form += piece).length > MOST_BYTES) return [413, 'too long\n'];
    await ask('POST', new URLSearchParams(form).get('text') ?? '');
    return [303, '', { location: '/' }];
  }
  const items = (await ask('GET')).map(({ text, at }) => `<li>${escaped(text)} <small>${at}</small>`);
  const form = '<form method=post><input name=text autofocus><button>Sign</button></form>';
  const page = `<!doctype html><title>${escaped(TITLE)}</title><h1>${escaped(TITLE)}</h1><ul>\n${items.join('\n')}\n</ul>${form}<p>${KITH_POD_NAME}\n`;
  return [200, page, { 'content-type': 'text/html; charset=utf-8' }];
}

const server = createServer((request, response) => {
  handle(request).then(
    ([status, body, headers = {}]) => response.writeHead(status, headers).end(body),
    (error) => response.writeHead(503).end(`${error.message}\n`),
  );
});
server.listen(Number(PORT), POD_IP, () => console.log(`listens on ${POD_IP}:${PORT}, asks ${DATABASE}`));
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
