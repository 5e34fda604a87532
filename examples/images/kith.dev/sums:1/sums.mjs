// Work for processors: each request makes it add up for WORK_MS milliseconds. Binds POD_IP (all addresses where it has a network namespace of its own) and PORT.
import { createServer } from 'node:http';

const { HOSTNAME = '?', KITH_POD_NAME = HOSTNAME, POD_IP = '0.0.0.0', PORT = '8080', WORK_MS = '20' } = process.env;

const server = createServer((request, response) => {
  const until = performance.now() + Number(WORK_MS);
  let sum = 0;
  while (performance.now() < until) for (let term = 0; term < 1_000; term += 1) sum += Math.sqrt(term);
  response.setHeader('Content-Type', 'text/plain');
  response.end(`${Math.round(sum)} by ${KITH_POD_NAME}\n`);
});
server.listen(Number(PORT), POD_IP, () => console.log(`adds up at ${POD_IP}:${PORT}`));
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
