import type { Act } from './scenario.ts';

/** Members of acts that name a host by its number. */
const HOST_FIELDS = ['host', 'from', 'to', 'by', 'victim', 'node'] as const;

const NODE = /\bnode-(\d+)\b/g;

/** The same act in a world without that host; undefined when it was about it. */
export function actWithout(act: Act, gone: number): Act | undefined {
  const moved = (host: number): number => (host > gone ? host - 1 : host);
  if (act.do === 'block') {
    const ways = act.ways.filter((way) => !way.includes(gone)).map(([from, to]): [number, number] => [moved(from), moved(to)]);
    return ways.length === 0 ? undefined : { ...act, ways, how: `${ways.length} ways are blocked` };
  }
  const next: Record<string, unknown> = { ...act };
  for (const field of HOST_FIELDS) {
    const host = next[field];
    if (typeof host !== 'number') continue;
    if (host === gone) return undefined;
    next[field] = moved(host);
  }
  return renamed(next as unknown as Act, gone);
}

/** Pods that name their node, requests about nodes, and manifests of either. */
function renamed(act: Act, gone: number): Act | undefined {
  if (act.do !== 'request' && act.do !== 'file') return act;
  const text = JSON.stringify(act);
  const names = [...text.matchAll(NODE)].map(([, number]) => Number(number));
  if (names.includes(gone)) return undefined;
  return JSON.parse(text.replace(NODE, (name, number: string) => (Number(number) > gone ? `node-${Number(number) - 1}` : name))) as Act;
}
