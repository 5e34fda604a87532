/** Programs that run beside pods, in their network: node -e TEXT ARGUMENTS… */

/** Arguments: port. What a client says first: `s` has it sent bytes for as long as it listens, `e` its own back. */
export const SERVER = `
const chunk = Buffer.alloc(65536);
require('node:net').createServer((socket) => {
  socket.on('error', () => 0).setNoDelay(true);
  socket.once('data', (first) => {
    if (first[0] !== 115) return void socket.on('data', (data) => socket.write(data));
    const send = () => { while (!socket.destroyed && socket.write(chunk)); };
    socket.on('drain', send);
    send();
  });
}).listen(Number(process.argv[1]), () => console.log('listens'));
`;

/** Arguments: host, port, ms, round trips. Prints \`{"bytesPerSecond", "roundTripMs"}\`, the median of the trips. */
export const CLIENT = `
const [, host, port, ms, trips] = process.argv;
const open = () => require('node:net').connect(Number(port), host).setNoDelay(true);
const stream = open();
let bytes = 0, began = 0;
stream.write('s');
stream.on('data', (data) => { if (began > 0) bytes += data.length; });
setTimeout(() => { began = performance.now(); }, 200);
setTimeout(() => {
  const bytesPerSecond = bytes / ((performance.now() - began) / 1000);
  stream.destroy();
  const echo = open(), took = [];
  let at = 0;
  const ask = () => { at = performance.now(); echo.write('x'); };
  echo.once('connect', () => { echo.write('e'); setTimeout(ask, 50); });
  echo.on('data', () => {
    took.push(performance.now() - at);
    if (took.length < Number(trips)) return ask();
    took.sort((left, right) => left - right);
    console.log(JSON.stringify({ bytesPerSecond, roundTripMs: took[took.length >> 1] }));
    process.exit(0);
  });
}, 200 + Number(ms));
`;

/** Arguments: name server, name, ms between two questions. Prints \`ADDRESS TIME\` (ms since 1970) for each address that is told for the first time. */
export const NAME_WATCH = `
const [, server, name, everyMs] = process.argv;
const resolver = new (require('node:dns').promises.Resolver)({ timeout: 500, tries: 1 });
resolver.setServers([server]);
const seen = new Set();
(async () => {
  for (;;) {
    const told = await resolver.resolve4(name).catch(() => []);
    const at = performance.timeOrigin + performance.now();
    for (const ip of told) if (!seen.has(ip)) { seen.add(ip); console.log(ip + ' ' + at); }
    await new Promise((resolve) => setTimeout(resolve, Number(everyMs)));
  }
})();
`;

/** Arguments: URL, ms between two requests. Each is made on a connection of its own and given up after a second. Prints \`TIME ok\` or \`TIME what went wrong\`, TIME being when it ended. */
export const REQUESTS = `
const http = require('node:http'), [, url, everyMs] = process.argv;
const say = (what) => console.log(performance.timeOrigin + performance.now() + ' ' + what);
setInterval(() => {
  let told = false;
  const tell = (what) => { if (!told) say(what); told = true; };
  const request = http.get(url, { agent: false, timeout: 1000 }, (answer) => {
    answer.resume().once('end', () => tell(answer.statusCode === 200 ? 'ok' : 'status ' + answer.statusCode)).once('error', (error) => tell(error.code));
  });
  request.once('timeout', () => { tell('timeout'); request.destroy(); }).once('error', (error) => tell(error.code || error.message));
}, Number(everyMs));
`;
