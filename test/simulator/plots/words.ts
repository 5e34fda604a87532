import { deploymentOf, TARGETS } from '../workloads.ts';
import { allHosts, cutBetween, drawSides, moments, patch, post, STANDS_MS } from './plot.ts';
import type { Drawn, Pen, Plot, Timed } from './plot.ts';

/** Annotations that one user sets, and perhaps takes away again: `checkers/words.ts` looks for them. */
export const WORD_PREFIX = 'words.kith.test/';
/** Between two bursts of words all peers may agree on what they hold. */
const REST_MS = { least: 3_000, most: 9_000 };

/** Histories are cut all the time, and people go on writing to the same object everywhere, while there are cuts. */
export const shortMemory: Plot = {
  name: 'shortMemory',
  leastPeers: 2,
  draw: (pen) => {
    const { draw } = pen;
    const { acts, stormMs } = drawWords(pen);
    for (const at of moments(pen, draw.int(2, 6), STANDS_MS + 4_000, stormMs - 5_000)) {
      const [few, many] = drawSides(pen);
      acts.push({ at, act: cutBetween(few, many, draw.int(800, 7_000)) });
    }
    return { acts, stormMs, histories: 'hasty' };
  },
};

/** As before, but gossip is lost and daemons come back: who heard of a word, and who of the cut, differs from peer to peer. */
export const lateWords: Plot = {
  name: 'lateWords',
  leastPeers: 2,
  draw: (pen) => {
    const { draw } = pen;
    const { acts, stormMs } = drawWords(pen);
    acts.push({ at: STANDS_MS, act: { do: 'deaf', loss: draw.pick([1, 0.8, 0.5]), forMs: stormMs - STANDS_MS - 2_000 } });
    for (const at of moments(pen, draw.int(0, 3), STANDS_MS + 4_000, stormMs - 8_000))
      acts.push({ at, act: { do: 'restart', host: pen.host() } });
    for (const at of moments(pen, draw.int(1, 5), STANDS_MS + 4_000, stormMs - 5_000)) {
      const [author = 1, friend = 2, ...rest] = draw.shuffled(allHosts(pen));
      const ways = rest.map((host): [number, number] => [author, host]);
      if (ways.length > 0)
        acts.push({
          at,
          act: { do: 'block', ways, how: `node-${author} is late at all but node-${friend}`, forMs: draw.int(1_000, 5_000) },
        });
    }
    return { acts, stormMs, histories: 'hasty' };
  },
};

function drawWords(pen: Pen): Drawn {
  const { draw } = pen;
  const diary = { ...deploymentOf(draw, 'diary') } as { spec: object };
  const body = { ...diary, spec: { ...diary.spec, replicas: 1 } };
  const acts: Timed[] = [{ at: 1_200, act: post(1, TARGETS.deployments, body, 'create diary') }];
  const word = (host: number, name: string, value: string | null): Timed['act'] =>
    patch(
      host,
      `${TARGETS.deployments}/diary`,
      { metadata: { annotations: { [`${WORD_PREFIX}${name}`]: value } } },
      `${value === null ? 'take back' : 'say'} ${name}`,
    );
  let at = STANDS_MS;
  for (let burst = 0; burst < draw.int(5, 9); burst += 1) {
    for (let count = draw.int(1, 6); count > 0; count -= 1) {
      const host = pen.host();
      const name = `word-${burst}-${count}`;
      acts.push({ at, act: word(host, name, 'said') });
      if (draw.chance(0.4)) acts.push({ at: at + draw.pick([300, 1_500, 6_000, 12_000]), act: word(host, name, null) });
      at += draw.pick([20, 200, 900]);
    }
    at += draw.int(REST_MS.least, REST_MS.most);
  }
  return { acts, stormMs: at + 12_000 };
}
