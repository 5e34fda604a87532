// Stands in for nginx where nothing can be pulled: a welcome page and the Server header. Port 80; 8080 where 80 is not allowed or taken.
import { createServer } from 'node:http';

const { NGINX_VERSION = '?', POD_IP = '0.0.0.0' } = process.env;
const PAGE = `<!DOCTYPE html>
<html>
<head><title>Welcome to nginx!</title></head>
<body><h1>Welcome to nginx!</h1><p>This is a stand-in for nginx ${NGINX_VERSION}, shipped with Kith.</p></body>
</html>
`;

const server = createServer((request, response) => {
  const found = request.url === '/' || request.url === '/index.html';
  const stamp = new Date().toISOString();
  console.log(`${request.socket.remoteAddress} - - [${stamp}] "${request.method} ${request.url} HTTP/1.1" ${found ? 200 : 404}`);
  response.writeHead(found ? 200 : 404, { Server: `nginx/${NGINX_VERSION}`, 'Content-Type': 'text/html' });
  response.end(request.method === 'HEAD' ? undefined : found ? PAGE : '<h1>404 Not Found</h1>\n');
});
const listen = (port) => server.listen(port, POD_IP);
server.on('listening', () => console.log(`listening on ${POD_IP}:${server.address().port}`));
server.once('error', (error) => {
  if (error.code !== 'EACCES' && error.code !== 'EADDRINUSE') throw error;
  console.error(`port 80: ${error.code}; taking 8080`);
  listen(8080);
});
for (const signal of ['SIGTERM', 'SIGQUIT']) process.once(signal, () => process.exit(0));
listen(80);
