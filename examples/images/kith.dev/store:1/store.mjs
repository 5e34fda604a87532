// A small database: GET / gives all entries as JSON, POST / adds one and answers when it is on disk, in the folder DATA. Both want the PASSWORD.
import { mkdir, open, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';

const { POD_IP = '0.0.0.0', PORT = '5432', DATA = '.', PASSWORD = '' } = process.env;
const MOST_BYTES = 4_096;
const file = path.join(DATA, 'entries.jsonl');

await mkdir(DATA, { recursive: true });
// What a crash cut off was not answered for.
const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').slice(0, -1);
const entries = lines.map((line) => JSON.parse(line));
const log = await open(file, 'a');
await log.truncate(Buffer.byteLength(lines.map((line) => `${line}\n`).join('')));

async function handle(request) {
  if (request.headers.authorization !== `Bearer ${PASSWORD}`) return [401, 'who are you?\n'];
  if (request.method === 'GET') return [200, JSON.stringify(entries)];
  let text = '';
  for await (const piece of request.setEncoding('utf8')) if ((text += piece).length > MOST_BYTES) return [413, 'too long\n'];
  const entry = { text, at: new Date().toISOString() };
  await log.writeFile(`${JSON.stringify(entry)}\n`);
  await log.sync();
  entries.push(entry);
  return [201, JSON.stringify(entry)];
}

const server = createServer((request, response) => {
  handle(request).then(
    ([status, body]) => response.writeHead(status).end(body),
    (error) => response.writeHead(500).end(`${error.message}\n`),
  );
});
server.listen(Number(PORT), POD_IP, () => console.log(`${entries.length} entries; listens on ${POD_IP}:${PORT}`));
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
