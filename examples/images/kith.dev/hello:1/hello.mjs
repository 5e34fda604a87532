// Answers every request with its version, its pod and its node. Binds POD_IP (all addresses where it has a network namespace of its own) and PORT.
import { createServer } from 'node:http';

const { VERSION = '?', HOSTNAME = '?', KITH_POD_NAME = HOSTNAME, KITH_NODE_NAME = '?', POD_IP = '0.0.0.0', PORT = '8080' } = process.env;

const server = createServer((request, response) => {
  console.log(`${request.method} ${request.url} from ${request.socket.remoteAddress}`);
  response.setHeader('Content-Type', 'text/plain');
  response.end(`hello ${VERSION} from ${KITH_POD_NAME} on ${KITH_NODE_NAME}\n`);
});
server.listen(Number(PORT), POD_IP, () => console.log(`hello ${VERSION} listens on ${POD_IP}:${PORT}`));
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
