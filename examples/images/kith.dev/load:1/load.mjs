// Asks URL so many times a second, one connection each, and says every ten seconds who answered how often.
import { get } from 'node:http';

const { URL: url = '', PER_SECOND = '10' } = process.env;
const UNDER_WAY = 50;
let [answers, failures, underWay] = [new Map(), 0, 0];

function ask() {
  if (underWay >= UNDER_WAY) return void (failures += 1);
  underWay += 1;
  const failed = () => (failures += 1);
  const request = get(url, { agent: false, timeout: 5_000 }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (piece) => (text += piece));
    response.on('end', () => {
      const who = text.trim().split(' ').at(-1);
      answers.set(who, (answers.get(who) ?? 0) + 1);
    });
  });
  request
    .on('timeout', () => request.destroy())
    .on('error', failed)
    .on('close', () => (underWay -= 1));
}

setInterval(ask, 1_000 / Number(PER_SECOND));
setInterval(() => {
  const each = [...answers].map(([who, count]) => `${who} ${count}`).sort();
  console.log(`${each.join(', ') || 'no answers'}${failures > 0 ? `, ${failures} failed` : ''}`);
  [answers, failures] = [new Map(), 0];
}, 10_000);
process.once('SIGTERM', () => process.exit(0));
